"""The torch side: encoders, network, criterion, adjustment. It knows nothing of scikit-learn."""
