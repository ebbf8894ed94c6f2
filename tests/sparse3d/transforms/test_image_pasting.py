import cv2
import numpy as np
import pytest
import torch
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import LiDARInstance3DBoxes, LiDARPoints

from grouped_arguments import grouped
from sparse3d.datasets.kitti.prepare.crops import cut_crops as cut_kitti_crops
from sparse3d.datasets.nuscenes.prepare.crops import cut_crops as cut_nuscenes_crops
from sparse3d.errors import ConfigError, DataError
from sparse3d.preparation.ground_truth_database import merge_entries, write_objects
from sparse3d.structures.image_rectangles import clip_rectangles, project_rectangles, rectangle_ious
from sparse3d.transforms import GroundTruthSampling
from sparse3d.transforms.image_pasting import CameraScene
from sparse3d.transforms.info_files import read_plain_file, write_info_file, write_plain_file

SIZE = (120, 250)  # few enough columns that a gray value can name one


def camera(focal=100.0, yaw=0.0, offset=(0.0, 0.0, 0.0)):
    """lidar2img of a camera that looks along x turned by yaw."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    lidar2cam = np.array([[sin, -cos, 0, offset[0]], [0, 0, -1, offset[1]],
                          [cos, sin, 0, offset[2]], [0, 0, 0, 1]])
    cam2img = np.array([[focal, 0, SIZE[1] / 2, 0], [0, focal, SIZE[0] / 2, 0], [0, 0, 1, 0],
                        [0, 0, 0, 1]])
    return cam2img, lidar2cam


def ramp(blue):
    """BGR: which image, column, row."""
    rows, columns = np.mgrid[:SIZE[0], :SIZE[1]]
    return np.stack([np.full(SIZE, blue), columns, rows], axis=-1).astype(np.uint8)


def pixels(lidar2img, points):
    u, v, depth = lidar2img[:3, :3] @ points[:, :3].T.astype(np.float64) + lidar2img[:3, 3:]
    return u / depth, v / depth, depth


def fill(random, box, count=40):
    x, y, z, length, width, height, yaw = box[:7]
    a, b, c = random.uniform(-0.5, 0.5, (3, count)) * 0.98
    a, b, c = a * length, b * width, (c + 0.5) * height
    points = np.column_stack([x + a * np.cos(yaw) - b * np.sin(yaw),
                              y + a * np.sin(yaw) + b * np.cos(yaw), z + c,
                              random.uniform(size=count)])
    return points.astype(np.float32)


def write_database(root, cameras, boxes, dataset):
    """One source frame per box, its images ramps whose blue is the number of the frame."""
    random = np.random.default_rng(0)
    (root / f'{dataset}_gt_database').mkdir(parents=True)
    folders = {name: root / ('training/image_2' if dataset == 'kitti' else f'samples/{name}')
               for name in cameras}
    infos, frames = [], []
    for number, box in enumerate(boxes):
        images = {}
        for name, (cam2img, lidar2cam) in cameras.items():
            folders[name].mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folders[name] / f'{number}.png'), ramp(number + 1))
            images[name] = dict(img_path=f'{number}.png', cam2img=cam2img.tolist(),
                                lidar2cam=lidar2cam.tolist())
        infos.append(dict(sample_idx=number, images=images))
        frames.append(write_objects(root, f'{dataset}_gt_database', number,
                                    fill(random, box), ['Car'], np.array([box]), [0]))
    write_plain_file(root / f'{dataset}_dbinfos_train.pkl', merge_entries(frames))
    write_info_file(root / f'{dataset}_infos_train.pkl', dict(dataset=dataset, stamp={}), infos)
    return CUT_CROPS[dataset](root)


CUT_CROPS = dict(kitti=cut_kitti_crops, nuscenes=cut_nuscenes_crops)
BOXES = [[10 + 4 * k, y, -1.5, 3.5, 1.6, 1.5, 0.3 * k] for k, y in
         enumerate((-4.0, 0.0, 4.0, -9.0, 8.0, 2.0, -6.0, 13.0))]


def sampler(root, dataset, **options):
    return TRANSFORMS.build(dict(
        type='GroundTruthSampling', **grouped(
            GroundTruthSampling, data_root=str(root), classes=['Car'], groups=dict(Car=15),
            info_path=str(root / f'{dataset}_dbinfos_train.pkl'), paste=True, **options)))


def sample(cameras, boxes=(), points=None):
    boxes = np.asarray(boxes, dtype=np.float32).reshape(-1, 7)
    points = np.zeros((0, 4), dtype=np.float32) if points is None else points
    names = list(cameras)
    return dict(
        points=LiDARPoints(points, points_dim=4), gt_bboxes_3d=LiDARInstance3DBoxes(boxes),
        gt_labels_3d=np.zeros(len(boxes), dtype=np.int64), view_names=names,
        img=[np.full((*SIZE, 3), 255, np.uint8) for _ in names],
        lidar2img=np.stack([cam2img @ lidar2cam for cam2img, lidar2cam in cameras.values()]))


def shown(results, view, points):
    """Colors of the pixels that points fall on, and which points fall on any."""
    u, v, depth = pixels(results['lidar2img'][view], points)
    inside = (depth > 0.1) & (u >= 0) & (u < SIZE[1]) & (v >= 0) & (v < SIZE[0])
    image = results['img'][view]
    return image[v[inside].astype(int), u[inside].astype(int)].astype(int), inside


@pytest.mark.parametrize('seed', range(6))
def test_one_camera_keeps_each_points_pixel(tmp_path, seed):
    """What a point of an added object falls on is what it fell on in its own frame."""
    source, target = camera(100.0), camera(103.0, offset=(0.1, 0.05, -0.2))
    count = write_database(tmp_path, {'CAM2': source}, BOXES, 'kitti')
    assert count['objects'] == len(BOXES) and count['crops'] > 5
    np.random.seed(seed)
    results = sampler(tmp_path, 'kitti')(sample({'CAM2': target}))
    points = results['points'].tensor.numpy()
    assert len(results['gt_labels_3d']) >= 3 and len(points) > 100
    colors, inside = shown(results, 0, points)
    assert inside.all() and (colors[:, 0] < 255).all()   # on an object, all of them
    u, v, _ = pixels(results['lidar2img'][0], points)    # the same pixels as in the source
    assert np.abs(colors[:, 1] + 0.5 - u).max() < 2 and np.abs(colors[:, 2] + 0.5 - v).max() < 2
    for box in results['gt_bboxes_3d'].tensor.numpy():   # the boxes moved with their points
        blue = results['img'][0][_center(results, box)][0]
        assert 1 <= blue <= len(BOXES)


def _center(results, box):
    u, v, _ = pixels(results['lidar2img'][0], box[None, :3] + (0, 0, box[5] / 2))
    return int(np.clip(v[0], 0, SIZE[0] - 1)), int(np.clip(u[0], 0, SIZE[1] - 1))


@pytest.mark.parametrize('seed', range(4))
def test_several_cameras_agree_with_the_points(tmp_path, seed):
    cameras = {'CAM_FRONT': camera(), 'CAM_BACK': camera(yaw=np.pi),
               'CAM_LEFT': camera(yaw=np.pi / 2)}
    boxes = BOXES + [[-box[0], box[1] * 1.1, *box[2:]] for box in BOXES]
    write_database(tmp_path, cameras, boxes, 'nuscenes')
    np.random.seed(seed)
    # seen through slightly different cameras, as on another car
    target = dict(cameras, CAM_FRONT=camera(101.0, yaw=0.005))
    results = sampler(tmp_path, 'nuscenes')(sample(target))
    points, boxes = results['points'].tensor.numpy(), results['gt_bboxes_3d'].tensor
    assert len(boxes) > 5
    seen = np.zeros(len(points), dtype=bool)
    for view in range(3):
        colors, inside = shown(results, view, points)
        assert (colors[:, 0] < 255).all()
        u, _, _ = pixels(results['lidar2img'][view], points[inside])
        assert np.abs(colors[:, 1] + 0.5 - u).max(initial=0) < 4  # stretched to the new box
        seen |= inside
    assert seen.mean() > 0.7


def test_nothing_is_pasted_where_a_picture_is_missing(tmp_path):
    cameras = {'CAM_FRONT': camera(), 'CAM_BACK': camera(yaw=np.pi)}
    boxes = BOXES + [[-box[0], box[1] * 1.1, *box[2:]] for box in BOXES]
    write_database(tmp_path, cameras, boxes, 'nuscenes')
    for valid in ([True, True], [True, False]):
        np.random.seed(0)
        results = sampler(tmp_path, 'nuscenes')(dict(sample(cameras), image_valid=np.array(valid)))
        assert [(image < 255).any() for image in results['img']] == valid


def test_nearer_objects_hide_farther_ones(tmp_path):
    near, far = [8, 0, -1.0, 2, 3, 1.5, 0], [16, 3.0, -1.5, 3, 3, 2.5, 0]
    write_database(tmp_path, {'CAM2': camera()}, [near, far], 'kitti')
    for seed in range(3):
        np.random.seed(seed)
        results = sampler(tmp_path, 'kitti', max_image_overlap=1.1)(sample({'CAM2': camera()}))
        assert len(results['gt_labels_3d']) == 2
        image, matrix = results['img'][0], results['lidar2img'][0]
        rectangle, _ = project_rectangles(np.array([near]), matrix)
        left, top, right, bottom = rectangle[0].round().astype(int)
        assert (image[top + 1:bottom - 1, left + 1:right - 1, 0] == 1).all()
        points = results['points'].tensor.numpy()
        colors, _ = shown(results, 0, points)
        assert ((colors[:, 0] == 1) == (points[:, 0] < 10)).all()
        assert (points[:, 0] < 10).sum() == 40 and 0 < (points[:, 0] > 10).sum() < 40


def test_what_lost_all_its_points_has_no_box(tmp_path):
    near, far = [8, 0, -1.0, 2, 3, 1.5, 0], [16, 0, -0.9, 2, 2, 1, 0]
    write_database(tmp_path, {'CAM2': camera()}, [near, far], 'kitti')
    results = sampler(tmp_path, 'kitti', max_image_overlap=1.1)(sample({'CAM2': camera()}))
    assert len(results['points']) == 40
    np.testing.assert_allclose(results['gt_bboxes_3d'].tensor, [near], atol=1e-5)
    assert results['gt_labels_3d'].tolist() == [0]


def test_objects_of_the_sample_stay_in_front_and_hidden_points_go(tmp_path):
    far = [16, 0.0, -1.5, 3, 3, 2.5, 0]
    write_database(tmp_path, {'CAM2': camera()}, [far], 'kitti')
    own = [8, 1.2, -1.5, 2, 1.5, 1.5, 0]
    random = np.random.default_rng(0)
    wall = np.column_stack([np.full(500, 30.0), random.uniform(-12, 12, 500),
                            random.uniform(-6, 6, 500), random.uniform(size=500)])
    scene = np.concatenate([fill(random, own), wall.astype(np.float32)])
    before = sample({'CAM2': camera()}, [own], scene)
    results = sampler(tmp_path, 'kitti', max_image_overlap=1.1)(before)
    points, image = results['points'].tensor.numpy(), results['img'][0]
    rectangle, _ = project_rectangles(np.array([own]), results['lidar2img'][0])
    left, top, right, bottom = rectangle[0].round().astype(int)
    assert (image[top:bottom, left:right] == 255).all()        # still the sample's own pixels
    assert (points[:, 0] < 10).sum() == 40                     # its points are all there
    colors, _ = shown(results, 0, points)
    on_paste = colors[:, 0] == 1
    added = (points[:, 0] > 12) & (points[:, 0] < 20)
    assert 0 < added.sum() < 40 and (on_paste == added).all()  # the wall behind it is gone
    assert 0 < (points[:, 0] == 30).sum() < 500
    kept = sampler(tmp_path, 'kitti', max_image_overlap=1.1, published_keep_hidden_points=True)(
        sample({'CAM2': camera()}, [own], scene))
    assert len(kept['points']) == 40 + 40 + 500


def test_too_much_overlap_in_the_image_is_dropped(tmp_path):
    write_database(tmp_path, {'CAM2': camera()},
                   [[8, 0, -1.0, 2, 3, 1.5, 0], [8 * 1.5, 0, -1.5, 2, 4.5, 2.25, 0]], 'kitti')
    results = sampler(tmp_path, 'kitti')(sample({'CAM2': camera()}))
    assert len(results['gt_labels_3d']) == 1


def test_nothing_is_pasted_over_what_hides_it(tmp_path):
    """A wall before the object, first low, then as high as all of it."""
    write_database(tmp_path, {'CAM2': camera()}, [[16, 0.0, -1.5, 3, 3, 2.5, 0]], 'kitti')
    random = np.random.default_rng(0)
    for top, expected in ((-1.2, 1), (1.5, 0)):
        count = int(1000 * (top + 1.6))  # as many to a square meter
        wall = np.column_stack([np.full(count, 9.0), random.uniform(-3, 3, count),
                                random.uniform(-1.6, top, count), np.zeros(count)])
        behind = np.column_stack([np.full(1000, 40.0), random.uniform(-9, 9, 1000),
                                  random.uniform(-6, 6, 1000), np.zeros(1000)])
        scene = np.concatenate([wall, behind]).astype(np.float32)
        results = sampler(tmp_path, 'kitti')(sample({'CAM2': camera()}, points=scene))
        assert len(results['gt_labels_3d']) == expected
        published = sampler(tmp_path, 'kitti', max_occlusion=1.0)(
            sample({'CAM2': camera()}, points=scene))
        assert len(published['gt_labels_3d']) == 1


def test_nothing_to_paste_changes_nothing(tmp_path):
    write_database(tmp_path, {'CAM2': camera()}, BOXES[:1], 'kitti')
    results = sample({'CAM2': camera()}, [BOXES[0]])  # the only object would collide
    image = results['img'][0]
    after = sampler(tmp_path, 'kitti')(results)
    assert after['img'][0] is image and len(after['gt_labels_3d']) == 1


def test_the_images_that_were_given_are_not_written_to(tmp_path):
    write_database(tmp_path, {'CAM2': camera()}, BOXES, 'kitti')
    results = sample({'CAM2': camera()})
    given = results['img'][0]
    results = sampler(tmp_path, 'kitti')(results)
    assert (given == 255).all() and (results['img'][0] < 255).any()


def test_rectangles_by_hand():
    matrix = np.matmul(*camera())
    boxes = np.array([[10, 0, -1, 2, 4, 2, 0], [0, 0, -1, 2, 4, 2, 0], [-10, 0, -1, 2, 4, 2, 0.]])
    rectangles, complete = project_rectangles(boxes, matrix)
    assert complete.tolist() == [True, False, False]
    middle = np.array([125, 60, 125, 60])
    np.testing.assert_allclose(rectangles[0] - middle, 100 / 9 * np.array([-2, -1, 2, 1]))
    clipped = clip_rectangles(rectangles, SIZE)
    np.testing.assert_array_equal(clipped[1], [0, 0, 250, 120])  # all round the camera
    np.testing.assert_array_equal(rectangles[2], 0)
    ious = rectangle_ious(np.array([[0, 0, 2, 2.]]), np.array([[1, 0, 3, 2.], [5, 5, 6, 6]]))
    np.testing.assert_allclose(ious, [[1 / 3, 0]])


def test_errors(tmp_path):
    write_database(tmp_path, {'CAM2': camera()}, BOXES[:1], 'kitti')
    transform = sampler(tmp_path, 'kitti')
    with pytest.raises(ConfigError, match='load the images before'):
        bare = sample({'CAM2': camera()})
        del bare['img']
        transform(bare)
    with pytest.raises(ConfigError, match='images of one time, before AugmentImages'):
        transform(dict(sample({'CAM2': camera()}), num_frames=2))
    crop = transform.database['Car'][0]['crops'][0]
    (tmp_path / crop['path']).write_bytes(b'no picture')
    with pytest.raises(DataError, match='is damaged or no picture'):
        transform(sample({'CAM2': camera()}))
    cv2.imwrite(str(tmp_path / crop['path']), np.zeros((3, 3, 3), np.uint8))
    with pytest.raises(DataError, match='3x3 pixels, its index says'):
        transform(sample({'CAM2': camera()}))
    crop['path'] = '../outside.png'
    with pytest.raises(DataError, match='leaves the folder'):
        transform(sample({'CAM2': camera()}))
    index = read_plain_file(tmp_path / 'kitti_dbinfos_train.pkl')
    del index['Car'][0]['crops']
    write_plain_file(tmp_path / 'kitti_dbinfos_train.pkl', index)
    with pytest.raises(ConfigError, match='has no object images'):
        sampler(tmp_path, 'kitti')


def test_a_point_on_two_images():
    scene = CameraScene(['a', 'b'], [np.zeros((10, 10, 3), np.uint8)] * 2,
                        np.stack([np.eye(4)] * 2), np.zeros((0, 7)), np.zeros((0, 4)),
                        np.ones(2, bool))
    scene.owners = [np.full((10, 10), -1), np.zeros((10, 10), dtype=int)]
    point = np.array([[5, 5, 1, 0.]])
    assert scene.contradicting_points(point, np.array([-1])).tolist() == [True]
    assert scene.contradicting_points(point, np.array([0])).tolist() == [True]
    scene.owners[0] = None
    assert scene.contradicting_points(point, np.array([0])).tolist() == [False]
    assert torch.is_tensor(
        torch.from_numpy(scene.contradicting_points(point[:0], np.zeros(0, int)))
    )
