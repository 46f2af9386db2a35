"""Versions of the packages whose objects travel."""

import sys

# The module that tells, and the distribution it belongs to.
_PACKAGES = (
    "numpy", "pandas", "scipy", "sklearn", "skimage", "matplotlib", "seaborn", "plotly", "polars", "pyarrow", "torch", "torchvision",
    "tensorflow", "keras", "xgboost", "lightgbm", "catboost", "statsmodels", "networkx", "PIL", "cv2", "xarray", "geopandas",
    "shapely", "rasterio", "sympy", "numba", "dask", "jax", "transformers", "h5py", "joblib",
)


def packages():
    """`{module: version}` of those packages that are loaded here."""
    found = {}
    for name in _PACKAGES:
        version = getattr(sys.modules.get(name), "__version__", None)
        if isinstance(version, str):
            found[name] = version
    return found


def installed():
    """`{module: version}` of those packages that can be imported here, without importing them."""
    from importlib import metadata, util

    names = {
        "sklearn": ("scikit-learn",), "skimage": ("scikit-image",), "PIL": ("pillow",), "tensorflow": ("tensorflow", "tensorflow-cpu"),
        "cv2": ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
    }
    found = {}
    for name in _PACKAGES:
        for distribution in names.get(name, (name,)):
            try:
                found[name] = metadata.version(distribution)
                break
            except metadata.PackageNotFoundError:
                pass
        if name not in found and _exists(util, name):
            found[name] = str(getattr(sys.modules.get(name), "__version__", "unknown"))
    return found


def _exists(util, name):
    try:
        return util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
