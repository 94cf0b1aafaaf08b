import pytest

from codec.models.errors import CodecError
from codec.models.training import run


def test_the_command_names_its_configurations(pictures, tmp_path):
    assert run.configuration("hyperprior").MODEL.hyper == "scale"
    with pytest.raises(ValueError, match="minutes is -1"):
        run.train_and_export("photo", pictures, str(tmp_path), minutes=-1)
    with pytest.raises(FileNotFoundError, match="no checkpoint to resume from"):
        run.train_and_export("photo", pictures, str(tmp_path), minutes=1, resume=True)


@pytest.mark.parametrize("name", ["photo", "photo-eyes", "factorized", "hyperprior", "mean-scale"])
def test_a_configuration_is_a_medium_a_model_and_how_it_is_trained(name):
    found = run.configuration(name)
    assert found.MEDIUM == "picture" and found.MODEL.name == name
    eyes = {"squared", "chroma", "ssimulacra2", "ms_ssim"} if name == "photo-eyes" else set()
    assert set(found.TRAINING) == {"minutes", "batch", "patch", "adam", "muon", "ema"} | eyes
    assert (found.TRAINING["muon"] > 0) == name.startswith("photo")


@pytest.mark.parametrize("name", ["Photo", "mean_scale", "", "photo.MODEL"])
def test_a_configuration_that_is_none_is_said_with_those_there_are(name, pictures, tmp_path):
    with pytest.raises(ValueError, match=f"config '{name}' is not known; known: exact, "
                                         "exact-signal, exact-volume, factorized, hyperprior, "
                                         r"mean-scale, photo, photo-eyes, video, "
                                         r"volume, volume-planes$"):
        run.train_and_export(name, pictures, str(tmp_path))


def test_a_model_to_start_from_must_be_there(pictures, tmp_path):
    with pytest.raises(CodecError, match="model 'none' is not installed") as told:
        run.train_and_export("photo", pictures, str(tmp_path / "out"), start="none")
    assert told.value.kind == "missing" and not (tmp_path / "out").exists()
