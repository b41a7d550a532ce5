"""The commands of `python3 -m itermix`, and the environment that they set up. Each is one module with a main()."""
