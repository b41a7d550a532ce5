"""What the user sees, in gradio; serves gradio 3.41 to the newest."""
