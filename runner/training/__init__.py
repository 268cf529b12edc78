"""Everything that touches torch and transformers: base models, the packed trainer, adapters."""
