#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains with several ranks on this machine, kills and halts some of them, and compares with a process alone.

With the same shards every number of ranks writes the same checkpoint, bit for bit, also when a rank was killed and all
began again. A rank that hangs is named, and all end.

usage: ranks.py ODT CONFIG [--kills N] [--seed N]    (CONFIG: examples/shapes.config)
"""
import argparse
import os
import pathlib
import random
import re
import shutil
import signal
import tempfile
import time

from trainings import STEPS, checkpoint, prepare, ranks_of, run, start, train, until, until_step


def evaluation(output):
    """The losses and metrics that were told, without the time."""
    assert "\x1b" not in output, f"signs for a terminal, where there is none:\n{output!r}"
    text = output.replace("\r", "")  # mpirun writes as a terminal does
    found = re.search(r"^evaluation at step .*(?:\n [^\n]*)*", text, re.M)
    assert found, output
    return re.sub(r" in [0-9.]+ s;", ";", found.group(0))


def launch(odt, ranks, command, *flags):
    return [odt, "launch", "--ranks", str(ranks), *flags, "--", *command]


def any_number_of_ranks(odt, at, evaluated):
    for ranks in (1, 2, 4):
        output = run(launch(odt, ranks, train(f"ranks-{ranks}", "--data_threads", "2", evaluate=True)), at)
        assert evaluation(output) == evaluated, f"{evaluation(output)}\nand not\n{evaluated}"
        assert checkpoint(at, f"ranks-{ranks}") == checkpoint(at, "alone"), f"{ranks} ranks: other bits"
        assert output.count("trained up to step") == 1, output
    print("1, 2 and 4 ranks: the same bits as one process, and the same evaluation", flush=True)


def by_mpirun(odt, at):
    """Without odt launch, as people and batch systems start ranks, more of them than there are cores."""
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_hwloc_base_binding_policy": "none"}
    for ranks in (2, 4):
        model = f"mpirun-{ranks}"
        output = run(["mpirun", "-n", ranks, odt, *train(model, "--data_threads", "2")], at, **root)
        assert f"{ranks} ranks x {8 // ranks} shards x 1 image" in output, output
        assert checkpoint(at, model) == checkpoint(at, "alone"), f"mpirun -n {ranks}: other bits"
    print("mpirun -n 2 and -n 4: the same bits as one process", flush=True)


def other_models(odt, at, kills, steps=6):
    for model in ("ssd_inception_v2", "faster_rcnn_inception_v2"):
        how = {"config": f"{model}.config", "steps": steps}
        run([odt, *train(f"{model}-alone", "--shards", "8", "--threads", "1", **how)], at)
        for ranks in (2, 4):
            run(launch(odt, ranks, train(f"{model}-{ranks}", "--data_threads", "2", **how)), at)
            same = checkpoint(at, f"{model}-{ranks}", steps) == checkpoint(at, f"{model}-alone", steps)
            assert same, f"{model}, {ranks} ranks: other bits"
        print(f"{model}, 2 and 4 ranks: the same bits as one process", flush=True)
        if kills > 0:
            killed(odt, at, kills, f"{model}-alone", **how)


def killed(odt, at, kills, alone="alone", steps=STEPS, **how):
    done = runs = 0
    while done < kills:
        runs += 1
        model = f"{alone}-killed-{runs}"
        command = train(model, "--save_checkpoints_steps", "2", steps=steps, **how)
        process = start(launch(odt, 2, command, "--max_restarts", "100"), at)
        while process.poll() is None and done < kills:
            time.sleep(random.uniform(0.5, 2))
            ranks = ranks_of(model)
            if len(ranks) == 2:
                os.kill(random.choice(ranks), signal.SIGKILL)
                done += 1
        output, _ = process.communicate(timeout=600)
        assert process.returncode == 0, output
        assert checkpoint(at, model, steps) == checkpoint(at, alone, steps), f"{model}: other bits"
    print(f"{done} ranks killed in {runs} trainings: the same bits", flush=True)


def halted(odt, at):
    command = train("halted", "--save_checkpoints_steps", "2", "--rank_timeout", "5", steps=100000)
    process = start(launch(odt, 2, command), at)
    until_step(at, "halted", 2)
    ranks = ranks_of("halted")
    assert len(ranks) == 2, ranks
    victim = ranks[1]
    os.kill(victim, signal.SIGSTOP)
    began = time.monotonic()
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0, output
    assert f"process {victim}) has given no sign of life for 5 s" in output, output
    print(f"a rank that hangs: named, and all ended, after {time.monotonic() - began:.0f} s", flush=True)


def stopped(odt, at):
    process = start(launch(odt, 2, train("stopped")), at)
    until(lambda: len(ranks_of("stopped")) == 2, "two ranks")
    time.sleep(random.uniform(1, 2))
    process.terminate()
    output, _ = process.communicate(timeout=60)
    if process.returncode != 0:
        assert process.returncode == 128 + signal.SIGTERM and "the same command goes on from there" in output, output
    run(launch(odt, 4, train("stopped")), at)
    assert checkpoint(at, "stopped") == checkpoint(at, "alone"), "stopped: other bits"
    print("stopped, and gone on with more ranks: the same bits", flush=True)


def refused(odt, at):
    output = run(launch(odt, 3, train("refused")), at, wanted=1)
    assert "train_config.batch_size: is 8, which cannot be dealt out in 3 equal parts" in output, output
    output = run([odt, *train("refused")], at, wanted=1, SLURM_NTASKS="4")
    assert "SLURM_NTASKS=4, but this process found no other rank" in output, output
    print("what cannot be dealt out, and ranks that do not find each other: refused", flush=True)


def damaged(odt, at):
    """A record that is not as it was written: of the second rank, which reads the second half of every batch."""
    (at / "damaged").mkdir()
    for file in (at / "data").iterdir():
        shutil.copy(file, at / "damaged")
    records = next((at / "damaged").glob("train.record*"))
    whole = records.read_bytes()
    config = (at / "pipeline.config").read_text().replace("data/", "damaged/")
    (at / "damaged.config").write_text(config)
    for tenth in range(1, 10):
        place = len(whole) * tenth // 10
        records.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1:])
        model = f"damaged-{tenth}"
        command = train(model, config="damaged.config", steps=100)
        output = run(launch(odt, 2, command), at, wanted=1)
        assert "damaged/train.record" in output, output
        if "odt: error: rank 1: " in output and list((at / model).glob("model.ckpt-*.index")):
            print("a record that the second rank cannot read: the first one saves, and says it", flush=True)
            return
    raise AssertionError("no checkpoint of a training that the second rank's data ended")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("odt")
    arguments.add_argument("config")
    arguments.add_argument("--kills", type=int, default=20)
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    if not shutil.which("mpirun"):
        print("SKIPPED: there is no mpirun (openmpi-bin)")
        return
    random.seed(given.seed)
    odt = str(pathlib.Path(given.odt).resolve())
    with tempfile.TemporaryDirectory(prefix="odt-ranks-") as folder:
        at = pathlib.Path(folder)
        prepare(odt, at, given.config)
        alone = run([odt, *train("alone", "--shards", "8", "--threads", "1", evaluate=True)], at)
        any_number_of_ranks(odt, at, evaluation(alone))
        by_mpirun(odt, at)
        other_models(odt, at, given.kills // 10)
        killed(odt, at, given.kills)
        halted(odt, at)
        stopped(odt, at)
        refused(odt, at)
        damaged(odt, at)


main()
