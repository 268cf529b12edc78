"""Which hyperparameters matter: shares of the variance between trials, with what they leave unexplained."""
