"""Show: figures from plain values, and the report pages; knows no file and no model.

theme, images            the look; figures as SVG and addresses that hold pictures
training_curves, usage_heatmap, reconstruction_bars, coder_dots, rate_curve, dendrogram, coverage, rollouts
                         one figure each
static_page              what every page keeps to
page, dataset_page       a tokenizer's report and a data set's as pages
"""

from spinlock.plots.cards import GalleryToken
from spinlock.plots.dataset_page import render_dataset_page
from spinlock.plots.page import Outside, Page, render_page
from spinlock.plots.rollouts import GalleryRollout

__all__ = ["GalleryRollout", "GalleryToken", "Outside", "Page", "render_dataset_page", "render_page"]
