"""The numbers that a name stands for. A step is one update of the optimizer, everywhere."""

# The seed's table. "light" sees 50 x 2 x 2 = 200 rows, "standard" 3,200, "deep" 8,000.
SFT = {
    "smoke": {
        "steps": 10,
        "batch_size": 1,
        "gradient_accumulation": 1,
        "learning_rate": 1e-4,
        "rank": 8,
        "max_length": 512,
    },
    "light": {
        "steps": 50,
        "batch_size": 2,
        "gradient_accumulation": 2,
        "learning_rate": 5e-5,
        "rank": 16,
        "max_length": 1024,
    },
    "standard": {
        "steps": 200,
        "batch_size": 4,
        "gradient_accumulation": 4,
        "learning_rate": 2e-5,
        "rank": 16,
        "max_length": 2048,
    },
    "deep": {
        "steps": 500,
        "batch_size": 4,
        "gradient_accumulation": 4,
        "learning_rate": 1e-5,
        "rank": 32,
        "max_length": 2048,
    },
}

# Clips are short: "light" hears 100 x 4 = 400 of them, "standard" 2,400. The last number is how many clips are
# synthesised of each word that has few recordings.
STT = {
    "smoke": {
        "steps": 10,
        "batch_size": 1,
        "gradient_accumulation": 1,
        "learning_rate": 1e-4,
        "rank": 8,
        "clips_per_term": 4,
    },
    "light": {
        "steps": 100,
        "batch_size": 4,
        "gradient_accumulation": 1,
        "learning_rate": 1e-4,
        "rank": 16,
        "clips_per_term": 16,
    },
    "standard": {
        "steps": 300,
        "batch_size": 4,
        "gradient_accumulation": 2,
        "learning_rate": 5e-5,
        "rank": 16,
        "clips_per_term": 32,
    },
}

# Preferences ask for little: a tenth of SFT's learning rates, and about 100 corrections are much. "light" sees
# 50 x 2 x 2 = 200 pairs, "standard" 400: two and four times through 100. docs/preferences.md has what was measured.
DPO = {
    "smoke": {
        "steps": 10,
        "batch_size": 1,
        "gradient_accumulation": 1,
        "learning_rate": 1e-5,
        "rank": 8,
        "max_length": 512,
    },
    "light": {
        "steps": 50,
        "batch_size": 2,
        "gradient_accumulation": 2,
        "learning_rate": 1e-5,
        "rank": 16,
        "max_length": 1024,
    },
    "standard": {
        "steps": 100,
        "batch_size": 2,
        "gradient_accumulation": 2,
        "learning_rate": 5e-6,
        "rank": 16,
        "max_length": 2048,
    },
}

# A step sees batch_size windows; 4,000 clips of a second are seen 32 times in "light".
KEYWORD = {
    "smoke": {
        "steps": 20,
        "batch_size": 32,
        "learning_rate": 3e-3,
        "generated_seconds": 40,
        "clips_per_trigger": 40,
        "stream_minutes": 2,
    },
    "light": {
        "steps": 1000,
        "batch_size": 128,
        "learning_rate": 3e-3,
        "generated_seconds": 600,
        "clips_per_trigger": 600,
        "stream_minutes": 30,
    },
    "standard": {
        "steps": 1500,
        "batch_size": 128,
        "learning_rate": 3e-3,
        "generated_seconds": 1200,
        "clips_per_trigger": 600,
        "stream_minutes": 90,
    },
}
# The same, but it acts on no single event: no triggers are synthesised, no thresholds chosen on streams.
SPEECH_VERIFIER = {
    name: {
        setting: value
        for setting, value in preset.items()
        if setting not in ("clips_per_trigger", "stream_minutes")
    }
    for name, preset in KEYWORD.items()
}
