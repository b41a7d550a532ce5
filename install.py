"""Run by the WebUI at each start, before extensions are loaded. There is nothing to install.

itermix needs torch, numpy, pillow and gradio, which every WebUI has, so `--skip-install` changes nothing.
"""
