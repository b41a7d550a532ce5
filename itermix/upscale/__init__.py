"""How a large picture is made: in phases, in windows, from the best reference."""
