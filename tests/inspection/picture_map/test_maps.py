"""The maps themselves: PCA against NumPy's own decompositions, neighbours by brute force, t-SNE by what it promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.linalg import orthogonal_procrustes

from cnnlab.inspection.picture_map import pca, tsne, turning
from cnnlab.inspection.picture_map.features import Features
from cnnlab.inspection.picture_map.neighbours import nearest, nearest_to
from cnnlab.inspection.picture_map.pictures import luck

RANDOM = np.random.default_rng(5)


def groups(number: int, size: int, apart: float = 6.0, kinds: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Features of some kinds of pictures, and their labels."""
    labels = RANDOM.integers(0, kinds, number)
    return (RANDOM.normal(size=(kinds, size)) * apart)[labels] + RANDOM.normal(size=(number, size)), labels


def seen(features: np.ndarray) -> Features:
    """The features, with some logits."""
    return Features(features.astype(np.float32), np.zeros((len(features), 4), np.float32))


@pytest.mark.parametrize(("number", "size"), [(60, 9), (20, 50), (30, 30)])
def test_pca_is_numpys(number: int, size: int) -> None:
    """Axes: the right singular vectors, up to their sign; shares: the variances of the coordinates, of all together."""
    features = (RANDOM.normal(size=(number, size)) * np.linspace(1, 3, size) + 40).astype(np.float32)
    found = pca.lay_out(np.arange(number), np.zeros(number, np.int64), seen(features))
    away = features - features.mean(axis=0, dtype=np.float64)
    _, _, directions = np.linalg.svd(away, full_matrices=False)
    np.testing.assert_allclose(np.abs(found.axes @ directions[:2].T), np.eye(2), atol=1e-6)
    np.testing.assert_allclose(found.points, away @ found.axes.T, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        found.shares, np.var(away @ found.axes.T, axis=0) / np.var(features, axis=0, dtype=np.float64).sum(), rtol=1e-6
    )
    assert (found.axes[np.arange(2), np.abs(found.axes).argmax(axis=1)] > 0).all()


def test_a_picture_of_the_map_lands_on_its_own_point() -> None:
    """By PCA exactly, bit for bit, whoever else is asked about."""
    features = groups(50, 20)[0].astype(np.float32)
    found = pca.lay_out(np.arange(50), np.zeros(50, np.int64), seen(features))
    for point in (0, 17, 49):
        np.testing.assert_allclose(pca.project(features[point], found.mean, found.axes), found.points[point], rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(-1e4, 1e4, width=32)))
def test_pca_of_anything_is_finite(features: np.ndarray) -> None:
    """Of one picture, of one number, of pictures that are all alike: finite, shares of 0 to 1, no share of nothing."""
    mean, axes, shares = pca.principal(features)
    assert np.isfinite(axes).all()
    assert np.isfinite(pca.project(features, mean, axes)).all()
    assert (shares >= 0).all()
    assert shares.sum() <= 1 + 1e-9
    if (features == features[0]).all():
        assert not shares.any()


def test_neighbours_by_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as sorting all distances; nobody is its own neighbour, also where pictures are twins."""
    monkeypatch.setattr("cnnlab.inspection.picture_map.neighbours._ROWS", 7)
    features = RANDOM.normal(size=(40, 6)).astype(np.float32)
    distances = np.linalg.norm(features[:, None].astype(np.float64) - features[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_array_equal(nearest(features, 5), distances.argsort(axis=1)[:, :5])
    features[1] = features[0]
    assert nearest(features, 3)[0, 0] == 1
    assert nearest(features, 3)[1, 0] == 0
    order, far = nearest_to(features[4], features, 3)
    assert order[0] == 4
    np.testing.assert_allclose(far, np.sort(np.linalg.norm(features - features[4], axis=1))[:3], rtol=1e-5)
    assert nearest(features[:4]).shape == (4, 3)


def test_kinship_is_the_share_of_neighbours_of_the_own_class() -> None:
    """Counted one by one; by luck it is what a random other picture has."""
    features, labels = groups(60, 5, apart=1.0)
    found = pca.lay_out(np.arange(60), labels, seen(features))
    for point in range(60):
        mine = [labels[other] == labels[point] for other in found.nearest[point]]
        assert found.kinship[point] == pytest.approx(np.mean(mine))
    pairs = [labels[a] == labels[b] for a in range(60) for b in range(60) if a != b]
    assert luck(labels) == pytest.approx(np.mean(pairs))


def test_the_points_of_members() -> None:
    """Where only some pictures of the set are on the map, the others have no point."""
    features, labels = groups(4, 5)
    found = pca.lay_out(np.array([0, 3, 5, 8]), labels, seen(features))
    assert [found.point_of(member) for member in (0, 3, 8, 1, 9)] == [0, 1, 3, None, None]


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quick t-SNE."""
    monkeypatch.setattr(tsne, "EARLY", 60)
    monkeypatch.setattr(tsne, "LATE", 60)


@pytest.mark.usefixtures("few_steps")
def test_tsne_keeps_neighbours_and_repeats_itself() -> None:
    """The same features, the same bits; kinds that lie apart are apart on the map; progress ends at the last step."""
    features, labels = groups(120, 12)
    said: list[tuple[int, int]] = []
    one, other = (
        tsne.lay_out(np.arange(120), labels, seen(features), lambda done, total: said.append((done, total)))
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.points, other.points)
    assert (said[0], said[-1]) == ((0, 120), (120, 120))
    assert one.perplexity[0] == 30
    on_the_map = nearest(one.points, 5)
    assert (labels[on_the_map] == labels[:, None]).mean() > 0.99
    for point in (0, 50, 119):  # where a picture of the map would stand, were it none of the map's
        kin = one.points[labels == labels[point]]
        place = tsne.place(one.features[point], one)
        assert np.linalg.norm(place - one.points[point]) < np.ptp(kin, axis=0).max()


def test_tsne_of_little() -> None:
    """Few pictures have a smaller perplexity; pictures that do not differ stand at one point."""
    assert tsne.perplexity_of(91) == 30
    assert tsne.perplexity_of(40) == 13
    assert tsne.perplexity_of(2) == 1
    alike = tsne.embed(np.ones((10, 4), np.float32), 3.0, lambda done, total: None)
    np.testing.assert_array_equal(alike, np.zeros((10, 2)))


def test_a_turn_brings_a_map_back() -> None:
    """Each of the eight quarter turns is undone; any other turn as SciPy undoes it."""
    points = (RANDOM.normal(size=(30, 2)) * [3, 1] + [5, 0]).astype(np.float32)
    for turn in turning.QUARTERS:
        moved = turning.turned(points, turn) + np.float32(7)
        back = turning.quarter_turn(moved, points)
        np.testing.assert_array_equal(back @ turn, np.eye(2))
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([1, -1])
    moved = turning.turned(points, turn)
    back = turning.any_turn(moved, points)
    expected, _ = orthogonal_procrustes(moved - moved.mean(axis=0), points - points.mean(axis=0))
    np.testing.assert_allclose(back, expected.T, atol=1e-5)
    np.testing.assert_allclose(turning.turned(moved, back), points, atol=1e-4)
    assert len({turn.tobytes() for turn in turning.QUARTERS}) == 8
