"""Settings are typed, known by name, and come from where they are said."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from understudy.runtime.app.app import App
from understudy.runtime.app.broker_options import broker_options
from understudy.runtime.exceptions import ImproperlyConfigured, UnknownSetting
from understudy.runtime.settings import Settings, current_name, table
from understudy.runtime.settings.sources import read_object


@pytest.fixture
def conf() -> Settings:
    return Settings({})


def test_defaults_are_celerys_where_they_are_not_stated_otherwise(conf: Settings) -> None:
    from celery.app import defaults

    stated = {
        "broker_heartbeat",
        "task_acks_late",
        "worker_deduplicate_successful_tasks",
        "worker_pool",
        "worker_prefetch_multiplier",
        "worker_proc_alive_timeout",
    }
    theirs = {name: option.default for name, option in defaults.flatten(defaults.NAMESPACES)}
    differing = {
        name
        for name in table().keys() & theirs.keys()
        if normal(theirs[name]) != normal(table()[name].default) and theirs[name] is not None
    }
    assert differing == stated


def normal(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else list(value) if isinstance(value, tuple) else value


@pytest.mark.interop
def test_older_names_lead_where_celery_has_them_lead() -> None:
    from celery.app.defaults import _TO_NEW_KEY

    known = {old: new for old, new in _TO_NEW_KEY.items() if new in table() and old != new.upper()}
    assert {old: current_name(old) for old in known} == known


def test_an_older_name_reads_and_writes_the_setting(conf: Settings) -> None:
    conf.CELERY_TASK_SERIALIZER = "pickle"
    conf["CELERYD_CONCURRENCY"] = 3
    assert (conf.task_serializer, conf.worker_concurrency, conf.CELERY_ACKS_LATE) == ("pickle", 3, True)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("task_ack_late", "task_acks_late"), ("broker_ur", "broker_url"), ("CELERY_TASK_SERIALISER", "task_serializer")],
)
def test_an_unknown_name_is_refused_with_the_nearest_known_one(name: str, hint: str, conf: Settings) -> None:
    for use in (lambda: conf.update({name: 1}), lambda: getattr(conf, name), lambda: conf[name]):
        with pytest.raises(UnknownSetting, match=f"did you mean '{hint}'"):
            use()
    assert not hasattr(conf, name)
    assert name not in conf
    assert conf.get(name, 5) == 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("task_acks_late", "yes"),
        ("task_time_limit", "soon"),
        ("worker_prefetch_multiplier", 1.5),
        ("task_default_queue", None),
        ("accept_content", "json"),
        ("task_publish_retry_policy", []),
        ("task_default_priority", 10),
        ("task_protocol", 1),
        ("worker_prefetch_multiplier", True),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(name: str, value: Any, conf: Settings) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"{name} = .*expected"):
        conf.update({name: value})


def test_settings_that_are_changed_in_vain_are_told_with_the_reason(conf: Settings) -> None:
    conf.update(broker_pool_limit=10, result_chord_join_timeout=5.0, task_acks_late=False)
    assert conf.without_effect() == {"result_chord_join_timeout": "they are read once all of them are there"}


def test_the_highest_priority_of_queues_is_told_to_a_broker_that_is_a_server(conf: Settings) -> None:
    conf.update(task_queue_max_priority=5)
    assert broker_options(conf, "amqp://")["queue_arguments"] == {"x-max-priority": 5}
    assert broker_options(conf, "memory://") == {}


def test_several_settings_are_set_together_or_not_at_all(conf: Settings) -> None:
    with pytest.raises(ImproperlyConfigured):
        conf.update(task_default_queue="other", task_acks_late="maybe")
    assert conf.task_default_queue == "celery"


def test_the_environment_has_precedence_over_the_program() -> None:
    conf = Settings(
        {
            "UNDERSTUDY_TASK_ACKS_LATE": "off",
            "UNDERSTUDY_TASK_TIME_LIMIT": "2.5",
            "UNDERSTUDY_ACCEPT_CONTENT": "json, msgpack",
            "UNDERSTUDY_TASK_PUBLISH_RETRY_POLICY": '{"max_retries": 1}',
            "UNDERSTUDY_WORKER_CONCURRENCY": "auto",
            "CELERY_BROKER_URL": "redis://first",
            "UNDERSTUDY_BROKER_URL": "redis://second",
            "SOMETHING_ELSE": "1",
        }
    )
    conf.update(task_acks_late=True, task_serializer="yaml")
    assert (conf.task_acks_late, conf.task_time_limit, conf.accept_content) == (False, 2.5, ["json", "msgpack"])
    assert (conf.task_publish_retry_policy, conf.worker_concurrency) == ({"max_retries": 1}, "auto")
    assert (conf.broker_url, conf.task_serializer) == ("redis://second", "yaml")


def test_the_command_line_has_precedence_over_the_environment() -> None:
    conf = Settings({"UNDERSTUDY_WORKER_CONCURRENCY": "3"})
    conf.override({"worker_concurrency": "5", "CELERY_TASK_SERIALIZER": "yaml"})
    conf.update(worker_concurrency=7)
    assert (conf.worker_concurrency, conf.task_serializer) == (5, "yaml")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("UNDERSTUDY_TASK_ACK_LATE", "1"), ("UNDERSTUDY_TASK_TIME_LIMIT", "soon"), ("UNDERSTUDY_ENABLE_UTC", "maybe")],
)
def test_an_environment_that_makes_no_sense_is_refused(variable: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=variable):
        Settings({variable: value})


def test_containers_are_an_apps_own(conf: Settings) -> None:
    conf.broker_transport_options["x"] = 1
    conf.task_acks_late = False
    assert conf.broker_transport_options == {"x": 1}
    assert Settings({}).broker_transport_options == {}


def test_what_was_changed_is_shown_without_passwords(conf: Settings) -> None:
    conf.update(broker_url="redis://user:secret@host", task_acks_late=False)
    assert repr(conf) == "<Settings broker_url='redis://***@host', task_acks_late=False>"


def test_the_password_of_a_database_is_not_shown(conf: Settings) -> None:
    conf.update(database_url="postgresql://me:s3cr3t@host/db")
    assert repr(conf) == "<Settings database_url='postgresql://***@host/db'>"


def test_settings_can_be_listed(conf: Settings) -> None:
    assert set(conf) == set(conf.keys()) == {name for name, _ in conf.items()}
    assert len(conf) == len(table())
    assert all(row.doc and row.expected() for row in table().values())


def test_a_version_tells_that_something_has_changed(conf: Settings) -> None:
    before = conf.version
    conf.task_acks_late = False
    assert conf.version > before


def test_settings_come_from_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("my_settings")
    module.__dict__.update(
        {
            "task_serializer": "yaml",
            "CELERYD_CONCURRENCY": 2,
            "REDIS_HOST": "not a setting",
            "helper": lambda: 1,
            "Path": Path,
            "sys": sys,
            "_private": 1,
        }
    )
    monkeypatch.setitem(sys.modules, "my_settings", module)
    app = App("x", set_as_current=False)
    app.config_from_object("my_settings")
    assert (app.conf.task_serializer, app.conf.worker_concurrency) == ("yaml", 2)
    monkeypatch.setenv("MY_CONFIG", "my_settings")
    other = App("x", set_as_current=False)
    other.config_from_envvar("MY_CONFIG", force=True)
    assert other.conf.task_serializer == "yaml"


def test_a_module_with_a_slip_in_it_is_refused() -> None:
    app = App("x", set_as_current=False, config_source=SimpleNamespace(task_serialiser="yaml"))
    with pytest.raises(UnknownSetting, match="task_serializer"):
        app.conf  # noqa: B018 - read at the first look


def test_a_namespace_picks_the_settings_out_of_others() -> None:
    source = {"CELERY_TASK_SERIALIZER": "yaml", "CELERY_BROKER_URL": "memory://", "DEBUG": True}
    assert read_object(source, "CELERY") == {"task_serializer": "yaml", "broker_url": "memory://"}
    with pytest.raises(UnknownSetting):
        App("x", set_as_current=False, config_source={"CELERY_NONSENSE": 1}, namespace="CELERY").conf  # noqa: B018


def test_what_the_app_is_told_has_precedence_over_a_source() -> None:
    app = App("x", broker="memory://told", set_as_current=False)
    app.config_from_object({"broker_url": "memory://source", "task_serializer": "yaml"})
    assert (app.conf.broker_url, app.conf.task_serializer) == ("memory://told", "yaml")


def test_a_source_that_is_not_there_is_a_clear_error() -> None:
    app = App("x", set_as_current=False)
    app.config_from_object("no.such.module")
    with pytest.raises(ImproperlyConfigured, match=r"no\.such\.module"):
        app.conf  # noqa: B018
    app.config_from_object("no.such.module", silent=True, force=True)
    app.config_from_envvar("NO_SUCH_VARIABLE", silent=True, force=True)
    with pytest.raises(ImproperlyConfigured, match="NO_SUCH_VARIABLE"):
        app.config_from_envvar("NO_SUCH_VARIABLE", force=True)


def test_signals_tell_when_the_settings_are_read() -> None:
    heard: list[str] = []
    app = App("x", set_as_current=False)
    app.on_configure.connect(lambda **_: heard.append("before"), weak=False)
    app.on_after_configure.connect(lambda **_: heard.append("after"), weak=False)
    app.config_from_object({"task_serializer": "yaml"})
    assert heard == []
    assert app.conf.task_serializer == "yaml"
    assert heard == ["before", "after"]
