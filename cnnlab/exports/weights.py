"""This module writes a run's weights after one epoch as a safetensors file that names their settings."""

from cnnlab.exports._export import EXPORTS, Export, Source
from cnnlab.runs import StoreError


def packed(source: Source) -> bytes:
    """Return a safetensors file of the checkpoint's weights, with the settings they come from, if known.

    Raises ExportError where no weights of that epoch are kept, StoreError where their file is damaged.
    """
    from cnnlab import checkpoints  # torch: here, so that buttons and `--help` need not wait for it
    from cnnlab.models import weights_file

    chosen = source.weights()
    try:
        content = checkpoints.verified(source.store.path(chosen), chosen)
    except checkpoints.CheckpointError as error:
        raise StoreError(str(error)) from error
    return weights_file.export(content, *source.run.states(chosen.epoch))


def _no_weights(source: Source) -> str | None:
    return None if source.store.weights(source.run.id) else f"“{source.run.name}” has no weights yet."


EXPORTS.register(
    "weights",
    Export(
        name="weights",
        title="Weights",
        help="safetensors: the weights of each layer, for PyTorch or another cnnlab.",
        suffix="safetensors",
        mime="application/octet-stream",
        write=packed,
        missing=_no_weights,
        of_epoch=True,
    ),
)
