"""The worker: takes jobs from the queue, runs each as a process of its own, and leaves nothing of it behind."""
