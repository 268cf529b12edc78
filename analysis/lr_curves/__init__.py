"""Loss against learning rate: U-curves, their optimum and how sure that is."""
