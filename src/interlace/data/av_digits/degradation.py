"""Degradation of the digits: fewer principal components of the images, noise on the audio."""

import numpy as np
from sklearn.decomposition import PCA


def fit_components(images: np.ndarray, num_components: int) -> PCA:
    """Principal components of training images (n, 28, 28), by a deterministic eigendecomposition."""
    return PCA(n_components=num_components, svd_solver="covariance_eigh").fit(images.reshape(len(images), -1) / 255.0)


def reconstruct(components: PCA, images: np.ndarray) -> np.ndarray:
    """Images (n, 28, 28) uint8 reconstructed from their components and the mean, clipped to 0..255."""
    flat = components.inverse_transform(components.transform(images.reshape(len(images), -1) / 255.0))
    return np.clip(np.rint(flat * 255.0), 0, 255).astype(np.uint8).reshape(images.shape)


def add_noise(rng: np.random.Generator, samples: np.ndarray, snr_db: float | None) -> np.ndarray:
    """Add white Gaussian noise `snr_db` below the mean power of a recording (int16); None adds none.

    A mixture beyond the range of 16 bits is attenuated as a whole, which keeps the ratio.
    """
    if snr_db is None:
        return samples
    wave = samples.astype(np.float64)
    power = max(float(np.mean(wave**2)), 1.0)
    mixture = wave + rng.standard_normal(len(wave)) * np.sqrt(power / 10 ** (snr_db / 10))
    return np.rint(mixture * min(1.0, 32767 / np.abs(mixture).max())).astype(np.int16)
