"""What is worth telling somebody who is not looking: sweeps that ended, runs that diverged or failed, edges."""
