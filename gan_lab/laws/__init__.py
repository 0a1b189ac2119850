"""The laws that a part obeys, for parts from outside: a function each, which raises `Broken` where it does not hold."""
