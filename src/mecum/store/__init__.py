"""Where documents, passages and vectors are kept: `base` is what every store promises, `sqlite` the one that is built in."""
