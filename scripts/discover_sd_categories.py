"""Write the semantic category map of a data set: the same as `spinlock discover-categories`, under the name it is known by.

    python scripts/discover_sd_categories.py --dataset datasets/test_1k_inline_features.h5 \\
        --feature-path "/features/sdf/aggregated/features" --output configs/vqvae/sd_category_mapping.json
"""

import sys

from spinlock.cli import main

if __name__ == "__main__":
    sys.exit(main(["discover-categories", *sys.argv[1:]]))
