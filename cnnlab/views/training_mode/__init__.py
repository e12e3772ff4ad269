"""This room holds the views of what is otherwise in training: dropout, and batch normalisation by the batch itself."""
