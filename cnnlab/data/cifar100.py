"""This module registers CIFAR-100: like CIFAR-10, with a hundred kinds of things and a tenth of the pictures of each."""

from cnnlab.data._cifar import Cifar
from cnnlab.data._dataset import DATASETS, Dataset
from cnnlab.data._download import RemoteFile
from cnnlab.data._types import DatasetInfo

FILES = Cifar(
    torchvision_class="CIFAR100",
    archive=RemoteFile(
        url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        bytes=169_001_437,
        digest="sha256:85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    ),
    folder="cifar-100-python",
    # MD5 is all that is published of the unpacked files; a downloaded archive is held to its SHA-256.
    digests={
        "train": "md5:16019d7e3df5f24257cddd939b257f8d",
        "test": "md5:f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "md5:7973b15100ade9c7d40fb424638fde48",
    },
)

CLASSES = """
apple, aquarium fish, baby, bear, beaver, bed, bee, beetle, bicycle, bottle, bowl, boy, bridge, bus, butterfly,
camel, can, castle, caterpillar, cattle, chair, chimpanzee, clock, cloud, cockroach, couch, crab, crocodile, cup,
dinosaur, dolphin, elephant, flatfish, forest, fox, girl, hamster, house, kangaroo, keyboard, lamp, lawn mower,
leopard, lion, lizard, lobster, man, maple tree, motorcycle, mountain, mouse, mushroom, oak tree, orange, orchid,
otter, palm tree, pear, pickup truck, pine tree, plain, plate, poppy, porcupine, possum, rabbit, raccoon, ray,
road, rocket, rose, sea, seal, shark, shrew, skunk, skyscraper, snail, snake, spider, squirrel, streetcar,
sunflower, sweet pepper, table, tank, telephone, television, tiger, tractor, train, trout, tulip, turtle, wardrobe,
whale, willow tree, wolf, woman, worm
"""

INFO = DatasetInfo(
    name="CIFAR-100",
    classes=tuple(" ".join(CLASSES.split()).split(", ")),
    channels=3,
    size_px=32,
    num_train=50_000,
    num_test=10_000,
    mean=(0.5071, 0.4865, 0.4409),
    std=(0.2673, 0.2564, 0.2762),
    summary="Small colour photographs of a hundred kinds of things, 500 of each to learn from: much harder.",
    source="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    download_bytes=FILES.archive.bytes,
)

DATASETS.register(INFO.name, Dataset(INFO, FILES.read, FILES.sources, FILES.published))
