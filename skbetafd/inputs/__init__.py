"""The user's data, in any form, checked once: containers, modalities, labels, training rows."""
