"""Small configuration files that are right, to be spoiled one way at a time."""

GENERATE = """\
num_samples: 8
num_timesteps: 12
num_realizations: 2
grid_size: 16
output_path: data.h5
systems: [gray_scott]
"""

TRAIN = """\
dataset_path: data.h5
families:
  summary: {encoder: MLPEncoder}
model:
  levels:
    - {latent_dim: 4, num_tokens: 8}
training:
  num_epochs: 3
"""


def written(folder, text, name="x.yaml"):
    """The path of a file with this text or these bytes."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
