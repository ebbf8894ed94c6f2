"""Sentences of docs/what_it_says.md for cases whose script does not say them whole."""

# What the script has made sure of, where nothing is said or a process of its own was asked.
TAKEN = {
    'camera/08_exif_orientation': 'The pixels are read as they are stored, and drawn so.',
    'camera/11_to_nuscenes_is_refused_by_the_devkit':
        'The devkit reads the entries: each has a guessed attribute, and the best 500 are given.',
    'camera/12_blanks_in_options': 'Paths with blanks and commas stay as they were given.',
    'camera/13_save_best_ends_the_training':
        'The training ends, and the checkpoint with the best NDS is kept.',
    'camera/17_info_file_of_sparsebev':
        'Info files of SparseBEV and StreamPETR are upgraded and keep their scenes.',
    'camera/18_maps_are_not_there': 'The frames are prepared without maps.',
    'camera/21_a_display_that_is_not_there':
        'The window is refused at once, with the sentence for no display.',
    'camera/23_key_frames_alone':
        'Absent sweeps are counted by folder, in a few lines for the whole data set.',
    'camera/25_results_of_a_tracker':
        'Entries of both tasks are taken; others are refused in a sentence with their key.',
    'camera/26_apostrophe_in_the_environment': 'The folder is used as it is called.',
    'camera/28_own_cameras_and_a_camera_model': 'The pictures of own cameras are read.',
    'lidar/01_pcd_padding_kills_process':
        'The columns x, y, z and intensity are read, and the process lives.',
    'lidar/04_weights_without_version_marks':
        'The weights are loaded: the layout of a sparse kernel is told by its shape.',
    'lidar/10_intensity_lost': 'The intensity is read, under each of these names and types.',
    'lidar/13_training_step_of_one_voxel': 'The step gives a loss and gradients.',
    'lidar/15_files_from_windows_and_macs':
        'Byte order marks are read over, and names that begin with a dot are passed over.',
    'lidar/16_kitti_calibration_variants': 'All of these calibrations are read.',
    'lidar/17_class_names_with_blanks_and_slashes':
        'The names stay; files and columns get names that can be written and read again.',
    'lidar/21_cloud_outside_of_the_range':
        'A warning names the range of the model and where the points lie, once.',
    'lidar/22_detect_keeps_every_cloud': 'The memory of one cloud is held, not of all.',
    'lidar/24_time_in_the_wrong_column':
        'Columns are matched by name; a time that can be no age becomes 0, with a warning.',
    'lidar/28_class_name_with_dollars': 'The name is drawn as text.',
    'security/nuscenes_token_leaves_root':
        'Tokens become names of files that stay inside of the data root.',
    'security/plain_pickle_memory': 'All of these files are refused.',
    'security/report_injection': 'No tag of a name stands unescaped in the page.',
}
# What was reported, where the first sentence of the docstring ends elsewhere than it says so.
REPORTED = {
    'lidar/07_own_check_silent_on_mistakes':
        'The check of own data is silent on four ordinary mistakes, each of which makes a training '
        'worthless: yaw in degrees, a left-handed frame, map coordinates, and six columns read '
        'as four',
    'lidar/08_config_disagrees_with_itself':
        'What a user changes in the first lines of a config for own data stands in the model a '
        'second time, and the disagreement is not noticed',
    'lidar/11_kitti_all_frames':
        'create_data.py kitti --all-frames ends at names that are no numbers, and at a frame '
        'without label_2',
    'lidar/15_files_from_windows_and_macs':
        'Text files with a byte order mark (Windows Notepad, PowerShell) and "._name" files '
        '(macOS, exFAT) are refused',
    'lidar/16_kitti_calibration_variants':
        'KITTI-like calibration as people have it is refused: the names of the tracking benchmark, '
        'or only the matrices that are used',
    'lidar/17_class_names_with_blanks_and_slashes':
        'Class names of own data go into file names and columns unprotected: "Bus/Truck" ends the '
        'preparation, "delivery van" makes KITTI lines of 17 columns',
    'lidar/24_time_in_the_wrong_column':
        'What a PCD or PLY file holds beside intensity goes into the next column, whatever the '
        'model means by it',
    'lidar/27_reader_exceptions':
        'Damaged files end in an exception of Python instead of a sentence',
}
