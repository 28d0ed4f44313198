"""What holds for all values, as far as hypothesis can think of them."""
