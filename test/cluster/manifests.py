#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks examples/cluster: the manifests by the schemas of Kubernetes, of Kubeflow's Trainer and of the MPI operator, what
has to agree between them and the Dockerfile, and that odt, Slurm and mpirun understand the command lines in them and in
docs/cluster.md.

usage: manifests.py ODT ROOT [PYTHON]     (PYTHON: an interpreter with kubernetes-validate and kubeflow-trainer-api, where
    this one has them not; without one: status 77)
"""
import copy
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

try:
    import jsonschema
    import kubernetes_validate
    import yaml
    from kubeflow_trainer_api import models
except ImportError as missing:
    if sys.argv[3:] and pathlib.Path(sys.argv[3]).exists():
        os.execv(sys.argv[3], [sys.argv[3], *sys.argv[:3]])
    print(f"SKIPPED: there is no {missing.name} (pip install kubernetes-validate kubeflow-trainer-api)")
    sys.exit(77)

KUBERNETES = ("1.29", "1.32", kubernetes_validate.latest_version())


def an_object(required=(), **fields):
    return {"type": "object", "properties": fields, "required": list(required), "additionalProperties": False}


COUNT = {"type": "integer", "minimum": 0}
NAME = {"type": "string", "minLength": 1}
REPLICAS = an_object(("template",), replicas=COUNT, template={"type": "object"},
                     restartPolicy={"enum": ["Never", "OnFailure"]})
# What we use of the MPI operator's kubeflow.org/v2beta1. A pod's template is Kubernetes' own.
MPI_JOB = an_object(
    ("apiVersion", "kind", "metadata", "spec"), apiVersion={"const": "kubeflow.org/v2beta1"}, kind={"const": "MPIJob"},
    metadata={"type": "object", "required": ["name"]},
    spec=an_object(
        ("mpiReplicaSpecs",), slotsPerWorker=COUNT, sshAuthMountPath=NAME,
        mpiImplementation={"enum": ["OpenMPI", "Intel", "MPICH"]},
        launcherCreationPolicy={"enum": ["AtStartup", "WaitForWorkersReady"]},
        runPolicy=an_object((), cleanPodPolicy={"enum": ["None", "Running", "All"]}, backoffLimit=COUNT,
                            activeDeadlineSeconds=COUNT, ttlSecondsAfterFinished=COUNT, suspend={"type": "boolean"}),
        mpiReplicaSpecs=an_object(("Launcher", "Worker"), Launcher=REPLICAS, Worker=REPLICAS)))


def check_built_in(document):
    for version in KUBERNETES:
        kubernetes_validate.validate(document, version, strict=True)


def check_pods(template):
    check_built_in({"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "checked"}, "template": template})


def check_model(model, document):
    """The models forget what they do not know."""
    known = model.from_dict(copy.deepcopy(document)).to_dict()
    assert known == document, f"unknown, or of another type, in\n{yaml.dump(document)}\nof which is known\n{yaml.dump(known)}"


def check_document(document):
    kind = document["kind"]
    if kind == "MPIJob":
        jsonschema.Draft202012Validator(MPI_JOB).validate(document)
        for replicas in document["spec"]["mpiReplicaSpecs"].values():
            check_pods(replicas["template"])
    elif kind == "TrainingRuntime":
        check_model(models.TrainerV1alpha1TrainingRuntime, document)
        job_set = document["spec"]["template"]["spec"]
        check_model(models.JobsetV1alpha2JobSet, {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet",
                                                  "metadata": {"name": "checked"}, "spec": job_set})
        for job in job_set["replicatedJobs"]:
            check_pods(job["template"]["spec"]["template"])
    elif kind == "TrainJob":
        check_model(models.TrainerV1alpha1TrainJob, document)
    else:
        check_built_in(document)


def paths_of(node, path=()):
    """Every field of a document."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if isinstance(node, dict):
            yield path + (key,)
        yield from paths_of(value, path + (key,))


FREE = {"metadata", "labels", "requests"}  # below them every word is allowed


def check_that_typos_are_found(name, document):
    found = 0
    for path in paths_of(document):
        if FREE & set(path[:-1]):
            continue
        wrong = copy.deepcopy(document)
        at = wrong
        for key in path[:-1]:
            at = at[key]
        at[str(path[-1]) + "x"] = at.pop(path[-1])
        try:
            check_document(wrong)
        except (AssertionError, KeyError, ValueError, jsonschema.ValidationError,
                kubernetes_validate.utils.SchemaNotFoundError):
            found += 1
            continue
        sys.exit(f"{name}: {'.'.join(map(str, path))}x would be taken")
    return found


def one(values, what):
    values = set(values)
    assert len(values) == 1, f"{what}: {sorted(map(str, values))}"
    return values.pop()


def every(node, key):
    """The values of all fields of that name."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, value in items:
        if name == key:
            yield value
        yield from every(value, key)


def check_agreement(documents, dockerfile):
    """What has to be the same in several places."""
    one(every(documents, "image"), "image")
    one(every(documents, "claimName"), "claimName")
    port = one(every(documents, "port"), "port")
    assert set(re.findall(r"'Port (\d+)'", dockerfile)) == {str(port)}, f"port {port} and {dockerfile}"
    user = one(list(every(documents, "runAsUser")) + list(every(documents, "fsGroup")), "user")
    assert f"useradd --uid {user}" in dockerfile, user
    keys = one(every(documents, "sshAuthMountPath"), "sshAuthMountPath")
    assert f"'HostKey {keys}/id_rsa'" in dockerfile, keys
    daemons = [shlex.join(c["command"] + c["args"]) for c in every(documents, "containers") for c in c if "sshd" in str(c)]
    assert one(daemons, "sshd").split()[-1] in dockerfile, daemons
    mpi = next(d for d in documents if d["kind"] == "MPIJob")["spec"]
    runtime, job = (next(d for d in documents if d["kind"] == kind)["spec"] for kind in ("TrainingRuntime", "TrainJob"))
    policy, trainer = runtime["mlPolicy"], job["trainer"]
    launchers = {c["command"][0]: c for c in every(mpi, "containers") for c in c}
    for ranks, args in (
            (mpi["mpiReplicaSpecs"]["Worker"]["replicas"] * mpi["slotsPerWorker"], launchers["mpirun"]["args"]),
            (policy["numNodes"] * policy["mpi"]["numProcPerNode"], trainer["args"]),
            (trainer["numNodes"] * trainer["numProcPerNode"], trainer["args"])):
        assert args[args.index("-n") + 1] == str(ranks), f"mpirun {args} for {ranks} slots"
    one([tuple(launchers["mpirun"]["args"]), tuple(trainer["args"])], "the launchers' arguments")


def commands_of(documents):
    for container in (c for found in every(documents, "containers") for c in found if "args" in c):
        yield container["command"] + container["args"]
    for trainer in every(documents, "trainer"):
        yield trainer["command"] + trainer["args"]


def blocks_of(page):
    """The commands of a page's code blocks, one a line."""
    for block in re.findall(r"^```\n(.*?)^```$", page, re.S | re.M):
        for line in block.replace("\\\n", " ").splitlines():
            if line.split(" ")[0] in ("odt", "mpirun", "srun", "sbatch", "kubectl", "docker"):
                yield shlex.split(line)


def run(words, at, **environment):
    done = subprocess.run(list(map(str, words)), cwd=at, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                               **environment})
    return done.returncode, done.stdout


def check_odt(odt, words, at):
    """odt takes all the flags, and then misses the config."""
    status, output = run([odt, *words[1:]], at)
    assert status == 1 and "pipeline.config" in output, f"{shlex.join(words)}: status {status}\n{output}"


def check_command(odt, words, at):
    """What it runs of odt's; mpirun's own words are tried with another program."""
    program = words.index("odt") if "odt" in words else len(words)
    (at / "hosts").write_text("localhost slots=64\n")
    if words[0] == "mpirun" and shutil.which("mpirun"):
        status, output = run([*words[:program], "true"], at, OMPI_MCA_rmaps_base_oversubscribe="1")
        assert status == 0, f"{shlex.join(words)}: status {status}\n{output}"
    if program == len(words):
        return 0
    words = words[program:]
    if words[1] == "launch":
        split = words.index("--")
        executable(at / "print", '#!/bin/sh\nprintf "%s\\n" "$@"\n')
        status, output = run([odt, *words[1:split], "--mpirun", at / "print", *words[split:]], at)
        assert status == 0 and output.endswith("\n".join([odt, *words[split + 1:], ""])), f"{shlex.join(words)}: {output}"
        words = ["odt", *words[split + 1:]]
    check_odt(odt, words, at)
    return 1


def executable(path, text):
    path.write_text(text)
    path.chmod(0o755)


SRUN = """#!/bin/sh
while [ "$1" != odt ]; do shift; done
exec "$@"
"""


def check_slurm_scripts(odt, folder, at):
    """With an srun that runs one task, and a scontrol that only says what it was told."""
    fakes = at / "fakes"
    fakes.mkdir()
    executable(fakes / "srun", SRUN)
    executable(fakes / "scontrol", '#!/bin/sh\necho "scontrol $*"\n')
    environment = {"PATH": f"{fakes}:{os.environ['PATH']}", "SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "2"}

    def submit(script, **more):
        return run(["sh", folder / script, "pipeline.config", "model", "--data_threads", "1"], at, **environment, **more)

    executable(fakes / "odt", f'#!/bin/sh\nexec {shlex.quote(odt)} "$@"\n')
    for script in ("train.sbatch", "evaluate.sbatch"):
        status, output = submit(script)
        assert status == 1 and "pipeline.config" in output, f"{script}: status {status}\n{output}"
    for ends, restarts, again in ((0, 0, False), (2, 0, False), (137, 0, True), (143, 9, True), (1, 10, False)):
        executable(fakes / "odt", f"#!/bin/sh\nexit {ends}\n")
        status, output = submit("train.sbatch", SLURM_RESTART_COUNT=str(restarts))
        assert status == ends and (output == "scontrol requeue 7\n") == again, (ends, restarts, status, output)


def main():
    odt, root = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2]).resolve()
    folder = root / "examples/cluster"
    documents = []
    for file in sorted(folder.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            check_document(document)
            typos = check_that_typos_are_found(file.name, document)
            print(f"{file.name}: {document['kind']} is valid, and not with any of {typos} typos")
            documents.append(document)
    assert {"MPIJob", "Job", "TrainingRuntime", "TrainJob"} == {d["kind"] for d in documents}
    check_agreement(documents, (folder / "Dockerfile").read_text())
    page = (root / "docs/cluster.md").read_text()
    for path in re.findall(r"examples/cluster/[\w.]+", page):
        assert (root / path).exists(), f"docs/cluster.md: there is no {path}"
    with tempfile.TemporaryDirectory(prefix="odt-manifests-") as at:
        at = pathlib.Path(at)
        tried = sum(check_command(odt, words, at) for words in [*commands_of(documents), *blocks_of(page)])
        assert tried >= 6, tried
        check_slurm_scripts(odt, folder, at)
    print(f"{tried} command lines, and the Slurm scripts, say what odt understands")


main()
