"""Gate models and gate policy: architectures, packaging, registry, training, prediction to decision."""
