"""The two small classifiers that hear every chunk: keywords for barge-in, and speech or music or noise."""
