using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Lifecycle;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Storage;
using NodeAgent.DevCluster.Writes;

namespace NodeAgent.DevCluster.Volumes;

/// <summary>Binds claims to volumes, provisions volumes for the two storage classes, and reclaims them.</summary>
internal sealed class VolumeController(ObjectStore store, ResourceRegistry registry, ResourceWriter writer, VolumeDirectories directories, bool provision) : IController
{
    private const string ClaimProtection = "kubernetes.io/pvc-protection";
    private const string VolumeProtection = "kubernetes.io/pv-protection";

    public void Reconcile()
    {
        var claims = registry.Get("", "persistentvolumeclaims");
        var volumes = registry.Get("", "persistentvolumes");
        foreach (var claim in store.List("persistentvolumeclaims"))
        {
            if (claim.Content.IsDeleting())
            {
                if (!InUse(claim))
                    writer.Change(claims, claim.Key, c => c.RemoveFinalizer(ClaimProtection));
            }
            else if (claim.Content.Text("status", "phase") != "Bound" && provision)
                Bind(claims, volumes, claim);
        }
        foreach (var volume in store.List("persistentvolumes"))
            Reclaim(volumes, volume);
    }

    private bool InUse(StoredObject claim) => store.List("pods", claim.Key.Namespace).Any(p =>
        p.Content.Text("status", "phase") is not ("Succeeded" or "Failed")
        && p.Content.Text("spec", "nodeName").Length > 0
        && p.Content.Items("spec", "volumes").Any(v => v.Text("persistentVolumeClaim", "claimName") == claim.Key.Name));

    private void Bind(ResourceType claims, ResourceType volumes, StoredObject claim)
    {
        var volume = Choose(claim) ?? Provision(volumes, claim);
        if (volume is null)
            return;
        writer.Change(volumes, new ObjectKey("", volume.Name()), v =>
        {
            v.Child("spec")["claimRef"] = new JsonObject
            {
                ["kind"] = "PersistentVolumeClaim",
                ["apiVersion"] = "v1",
                ["namespace"] = claim.Key.Namespace,
                ["name"] = claim.Key.Name,
                ["uid"] = claim.Content.Uid(),
            };
            v.Child("status")["phase"] = "Bound";
        });
        writer.Change(claims, claim.Key, c =>
        {
            var annotations = c.Meta().Child("annotations");
            annotations["pv.kubernetes.io/bind-completed"] = "yes";
            if (c.Text("spec", "volumeName").Length == 0)
                annotations["pv.kubernetes.io/bound-by-controller"] = "yes";
            c.Child("spec")["volumeName"] = volume.Name();
            c["status"] = new JsonObject
            {
                ["phase"] = "Bound",
                ["accessModes"] = volume.Find("spec", "accessModes")?.DeepClone(),
                ["capacity"] = volume.Find("spec", "capacity")?.DeepClone(),
            };
        });
    }

    private JsonObject? Choose(StoredObject claim)
    {
        var wanted = claim.Content.Text("spec", "volumeName");
        return store.List("persistentvolumes").Select(v => v.Content).FirstOrDefault(v => !v.IsDeleting() && Fits(v));

        bool Fits(JsonObject volume)
        {
            var reference = volume.FindObject("spec", "claimRef");
            if (reference is not null)
            {
                return reference.Text("namespace") == claim.Key.Namespace && reference.Text("name") == claim.Key.Name
                    && (reference.Text("uid").Length == 0 || reference.Text("uid") == claim.Content.Uid())
                    && (wanted.Length == 0 || wanted == volume.Name());
            }
            return wanted.Length > 0 ? wanted == volume.Name() : volume.Text("spec", "storageClassName") == claim.Content.Text("spec", "storageClassName") && volume.Text("status", "phase") == "Available";
        }
    }

    private JsonObject? Provision(ResourceType volumes, StoredObject claim)
    {
        if (claim.Content.Text("spec", "volumeName").Length > 0)
            return null;
        var storageClass = store.Find("storageclasses.storage.k8s.io", new ObjectKey("", claim.Content.Text("spec", "storageClassName")))?.Content;
        var provisioner = storageClass.Text("provisioner");
        if (provisioner is not (ClusterSeed.CsiProvisioner or ClusterSeed.LocalProvisioner))
            return null;
        var name = "pvc-" + claim.Content.Uid();
        var spec = new JsonObject
        {
            ["capacity"] = new JsonObject { ["storage"] = claim.Content.Text("spec", "resources", "requests", "storage") },
            ["accessModes"] = claim.Content.Find("spec", "accessModes")?.DeepClone(),
            ["persistentVolumeReclaimPolicy"] = storageClass.Text("reclaimPolicy"),
            ["storageClassName"] = storageClass!.Name(),
            ["volumeMode"] = claim.Content.Text("spec", "volumeMode"),
        };
        if (provisioner == ClusterSeed.CsiProvisioner)
            spec["csi"] = new JsonObject { ["driver"] = provisioner, ["volumeHandle"] = name };
        else
            spec["local"] = new JsonObject { ["path"] = "/var/local/" + name };
        return writer.Create(volumes, "", new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = name, ["annotations"] = new JsonObject { ["pv.kubernetes.io/provisioned-by"] = provisioner } },
            ["spec"] = spec,
        }, WriteOptions.Internal);
    }

    private void Reclaim(ResourceType volumes, StoredObject volume)
    {
        var reference = volume.Content.FindObject("spec", "claimRef");
        var claim = reference is null ? null : store.Find("persistentvolumeclaims", new ObjectKey(reference.Text("namespace"), reference.Text("name")))?.Content;
        var bound = claim is not null && (reference.Text("uid").Length == 0 || claim.Uid() == reference.Text("uid"));
        if (volume.Content.IsDeleting())
        {
            if (!bound && directories.Remove(volume.Key.Name))
                writer.Change(volumes, volume.Key, v => v.RemoveFinalizer(VolumeProtection));
            return;
        }
        if (reference is null || reference.Text("uid").Length == 0)
        {
            if (volume.Content.Text("status", "phase") != "Available")
                writer.Change(volumes, volume.Key, v => v.Child("status")["phase"] = "Available");
            return;
        }
        if (bound)
            return;
        if (volume.Content.Text("status", "phase") != "Released")
            writer.Change(volumes, volume.Key, v => v.Child("status")["phase"] = "Released");
        if (volume.Content.Text("spec", "persistentVolumeReclaimPolicy") == "Delete")
            writer.Delete(volumes, volume.Key, new DeleteRequest());
    }
}
