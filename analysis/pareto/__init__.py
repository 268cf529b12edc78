"""Trade-offs between several objectives: the Pareto front, its hypervolume, and which of its points to take."""
