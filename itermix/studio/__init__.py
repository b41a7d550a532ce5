"""The standalone: itermix on diffusers, for everyone without a WebUI. Nothing heavy is imported before it is needed."""
