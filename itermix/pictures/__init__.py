"""Pictures in and out: uploads, frames, films, sheets. Pillow and NumPy; PyAV or ffmpeg where there is one."""
