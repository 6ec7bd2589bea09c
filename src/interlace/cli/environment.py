"""interlace env"""

from interlace.cli.arguments import Json


def environment(json: Json = False) -> None:
    """Print versions, hardware and folders, for a bug report."""
    import os
    import platform

    import torch

    from interlace import __version__
    from interlace.configuration.cores import available_cores
    from interlace.configuration.locations import cache_dir, conf_dir, data_folders, outputs_dir
    from interlace.configuration.plugins import plugins
    from interlace.tracking.identity import code_hash
    from interlace.tracking.manifest import package_versions, processor_name

    found = {
        "interlace": __version__,
        "code": code_hash(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor_name(),
        "cores": available_cores(),
        "gpus": ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())) or "none",
        "conf": str(conf_dir()),
        "plugins": ", ".join(plugin.package for plugin in plugins()) or "none",
        "outputs": str(outputs_dir().resolve()),
        "cache": str(cache_dir()),
        "data": os.pathsep.join(map(str, data_folders())),
        **package_versions(),
    }
    if json:
        import json as encoder

        print(encoder.dumps(found, indent=2))
    else:
        for name, value in found.items():
            print(f"{name:20} {value}")
