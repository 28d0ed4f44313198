"""Source trees into wheels, through PyPA ``build``: each build key once. Knows nothing of pip."""
