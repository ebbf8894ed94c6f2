"""The official splits of nuScenes: which scenes are for training, validation and test.

Numbers of the scenes as the nuscenes-devkit 1.2.0 lists them (``nuscenes/utils/splits.py``);
``8-10`` is 8, 9 and 10.
"""
from __future__ import annotations

from functools import cache

NUMBERS = {
    'train_detect': '''
        1-2 41-76 161-168 170-176 190-196 199-200 202-204 206-214 254-264 283-306 315-318 321
        323-324 347-375 382 420-439 457-459 461-465 467-469 471-472 474-480 566 568 570-578 580
        582-583 665-679 681 683-689 739-741 744 746-747 749-752 757-765 767-769 868-873 875-878 880
        882-903 945 947 949 952-953 955-961 975-984 988-991 1011-1025 1074-1102 1104-1105''',
    'train_track': '''
        4-11 19-34 120-135 138-139 149-152 154-155 157-160 177-185 187-188 218-220 222 224-253 328
        376-381 383-386 388-403 405-408 410-419 440-456 499-502 504-515 517-518 525-539 541-546
        584-600 639-664 695-698 700-701 703-719 726-728 730-731 733-738 786-787 789-792 803-806
        808-813 815-817 819-822 847-856 858 860-866 992 994-1010 1044-1058 1106-1110''',
    'val': '''
        3 12-18 35-36 38-39 92-110 221 268-278 329-332 344-346 519-524 552-565 625-627 629-630
        632-638 770-771 775 777-778 780-784 794-800 802 904-917 919-931 962-963 966-969 971-972
        1059-1073''',
    'test': '''
        77-91 111-119 140 142-148 265-266 279-282 307-314 333-343 481-498 547-551 601-604 606-624
        827-831 833-842 844-846 932-933 935-943 1026-1043''',
    'mini_train': '61 553 655 757 796 1077 1094 1100',
    'mini_val': '103 916',
}
# Which tables hold the samples of a split.
TABLES_OF = {'train': 'trainval', 'val': 'trainval', 'train_detect': 'trainval',
             'train_track': 'trainval', 'mini_train': 'mini', 'mini_val': 'mini', 'test': 'test'}


@cache
def official_splits() -> dict[str, tuple[str, ...]]:
    """Names of the scenes of every split, in the order of their numbers; train is both halves."""
    splits = {split: tuple(f'scene-{number:04d}' for number in _numbers(text))
              for split, text in NUMBERS.items()}
    return splits | {'train': tuple(sorted(splits['train_detect'] + splits['train_track']))}


def _numbers(text: str) -> list[int]:
    ranges = [[int(number) for number in part.split('-')] for part in text.split()]
    return [number for ends in ranges for number in range(ends[0], ends[-1] + 1)]
