"""Large pictures on a WebUI: hires fix in phases, Iterative Upscale, and what both make their references from."""
