"""How long and how freely property tests search, by HYPOTHESIS_PROFILE.

ci           the default: the same examples every time, as many as each test says
mutations    as ci, but what fails is not shrunk: that it fails is all that python -m tests.mutations asks
thorough     other examples each time, and in tests/properties twenty times as many (tests.properties.strategies)
"""

import os

from hypothesis import Phase, settings

settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile("mutations", settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate])
settings.register_profile("thorough", deadline=None, max_examples=20 * settings.get_profile("ci").max_examples)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
