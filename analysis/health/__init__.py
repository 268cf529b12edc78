"""What is wrong with a store's data, what is merely odd, and which runs count for nothing and why."""
