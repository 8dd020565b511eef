#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Has TensorFlow and TensorBoard read what odt writes. Not part of the test suite; in an environment of your own:

    pip install tensorflow-cpu tensorboard
    python test/peers/check_formats.py build/release/bin/test_io
"""
import os
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def picture():
    y, x = np.mgrid[0:12, 0:16]
    return np.stack([16 * x, 20 * y, 77 + 0 * x], -1).astype(np.uint8)


def check_records(path, compression):
    records = [r.numpy() for r in tf.data.TFRecordDataset(path, compression_type=compression)]
    assert len(records) == 4, len(records)
    for number, record in enumerate(records):
        feature = tf.train.Example.FromString(record).features.feature
        values = lambda key, kind: list(getattr(feature[key], kind).value)
        assert values("image/source_id", "bytes_list") == [str(number).encode()]
        assert values("image/object/bbox/ymin", "float_list") == [0.125] * number
        assert values("image/object/bbox/xmax", "float_list") == [0.75] * number
        assert values("image/object/class/label", "int64_list") == list(range(1, number + 1))
        assert values("image/object/class/text", "bytes_list") == ["caf\u00e9".encode()] * number
        decoded = tf.io.decode_image(values("image/encoded", "bytes_list")[0], channels=3).numpy()
        assert decoded.shape == (12, 16, 3)
        assert np.abs(decoded.astype(int) - picture()).max() <= (12 if number % 2 else 0)


def check_checkpoint(directory):
    newest = tf.train.latest_checkpoint(directory)
    assert newest == os.path.join(directory, "model.ckpt-3"), newest
    state = tf.train.get_checkpoint_state(directory)
    assert [os.path.basename(p) for p in state.all_model_checkpoint_paths] == ["model.ckpt-2", "model.ckpt-3"]
    for place in (newest, os.path.join(directory, "best")):
        reader = tf.train.load_checkpoint(place)
        expected = (np.float32(3) + np.float32(0.1) * np.arange(24, dtype=np.float32)).reshape(1, 2, 3, 4)
        assert np.array_equal(reader.get_tensor("FeatureExtractor/Conv/weights"), expected)
        assert reader.get_tensor("global_step") == 3 and reader.get_tensor("global_step").dtype == np.int64
        assert reader.get_tensor("double") == 0.1
        for i in range(5000):
            assert reader.get_tensor(f"a/name/long/enough/for/several/blocks/{i}") == i
    assert reader.get_tensor("odt/best/DetectionBoxes_Precision/mAP") == 0.5


def check_events(directory):
    events = EventAccumulator(directory)
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("Loss/total_loss")] == [(1, 0.25), (2, 0.5), (3, 0.75)]
    (image,) = events.Images("Detections_Left_Groundtruth_Right/0/0")
    assert (image.step, image.height, image.width) == (3, 12, 16)
    assert np.array_equal(tf.io.decode_png(image.encoded_image_string).numpy(), picture())
    (text,) = events.Tensors("pipeline_config")
    assert list(text.tensor_proto.string_val) == [b"num_classes: 3"]
    (histogram,) = events.Histograms("ModelVars/weights")
    assert histogram.histogram_value == of_tensorflow([-2.5, -1e-13, 0, 0, 1e-12, 0.1, 0.11, 7e21])
    assert [(node.name, node.op) for node in events.Graph().node] == [("a", "NoOp")]


def of_tensorflow(values):
    """TensorFlow's histogram of the values, as TensorBoard reads one."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session, tempfile.TemporaryDirectory() as folder:
        summary = session.run(tf.compat.v1.summary.histogram("of", tf.constant(values, tf.float32)))
        with tf.compat.v1.summary.FileWriter(folder) as writer:
            writer.add_summary(summary, 0)
        events = EventAccumulator(folder)
        events.Reload()
        return events.Histograms("of")[0].histogram_value


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], "--run_test=peers_tests", "--log_level=error"], check=True,
                       env=dict(os.environ, ODT_PEER_FILES=folder))
        for name, compression in (("plain", ""), ("gzip", "GZIP"), ("zlib", "ZLIB")):
            check_records(os.path.join(folder, name), compression)
        check_checkpoint(os.path.join(folder, "model"))
        check_events(os.path.join(folder, "model"))
    print(f"TensorFlow {tf.__version__} and TensorBoard read odt's records, checkpoints and event files")


if __name__ == "__main__":
    main()
