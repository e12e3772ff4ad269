"""This module registers CIFAR-10: 60,000 small photographs of ten kinds of things."""

from cnnlab.data._cifar import Cifar
from cnnlab.data._dataset import DATASETS, Dataset
from cnnlab.data._download import RemoteFile
from cnnlab.data._types import DatasetInfo

FILES = Cifar(
    torchvision_class="CIFAR10",
    archive=RemoteFile(
        url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        bytes=170_498_071,
        digest="sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ),
    folder="cifar-10-batches-py",
    # Of the files whose MD5s are the published ones.
    digests={
        "data_batch_1": "sha256:54636561a3ce25bd3e19253c6b0d8538147b0ae398331ac4a2d86c6d987368cd",
        "data_batch_2": "sha256:766b2cef9fbc745cf056b3152224f7cf77163b330ea9a15f9392beb8b89bc5a8",
        "data_batch_3": "sha256:0f00d98ebfb30b3ec0ad19f9756dc2630b89003e10525f5e148445e82aa6a1f9",
        "data_batch_4": "sha256:3f7bb240661948b8f4d53e36ec720d8306f5668bd0071dcb4e6c947f78e9682b",
        "data_batch_5": "sha256:d91802434d8376bbaeeadf58a737e3a1b12ac839077e931237e0dcd43adcb154",
        "test_batch": "sha256:f53d8d457504f7cff4ea9e021afcf0e0ad8e24a91f3fc42091b8adef61157831",
        "batches.meta": "sha256:f962466ef690d46b226450fb9aadc74ba4bc64a76aa526b5827fe4bc5c7125cb",
    },
)

INFO = DatasetInfo(
    name="CIFAR-10",
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    channels=3,
    size_px=32,
    num_train=50_000,
    num_test=10_000,
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.2470, 0.2435, 0.2616),
    summary="Small colour photographs of ten kinds of animals and vehicles.",
    source="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    download_bytes=FILES.archive.bytes,
)

DATASETS.register(INFO.name, Dataset(INFO, FILES.read, FILES.sources, FILES.published))
