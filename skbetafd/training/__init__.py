"""The skorch glue: whole-tensor batches, the training loop, stacks, reference sets, callbacks."""
