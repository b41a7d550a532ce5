"""Large pictures on a WebUI: hires fix in phases, what its reference is made from."""
