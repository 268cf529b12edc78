"""How the optimal learning rate scales: with the batch size, with the model's width, with the LoRA rank."""
