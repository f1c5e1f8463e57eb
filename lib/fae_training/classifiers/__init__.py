"""The two audio classifiers, which run on every chunk of sound: keywords (wake, interrupt), and
speech, music or noise."""
