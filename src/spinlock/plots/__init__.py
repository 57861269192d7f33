"""Show: figures from plain values, and the report page; knows no file and no model.

theme, images            the look; figures as SVG, PNG and addresses that hold them
training_curves, usage_heatmap, reconstruction_bars, coder_dots, dendrogram, rollouts
                         one figure each
content, page            what a report says, and the static page that says it
coverage, dataset_content, dataset_page
                         the same for a data set without a tokenizer
"""

from spinlock.plots.content import CoderLine, GalleryRollout, GalleryToken, PageContent, ThresholdLine, Tree
from spinlock.plots.page import render_page

__all__ = ["CoderLine", "GalleryRollout", "GalleryToken", "PageContent", "ThresholdLine", "Tree", "render_page"]
