namespace NodeAgent.Controller.Snapshots.Csi;

/// <summary>Labels and annotations that Velero gives a meaning to where snapshots go through VolumeSnapshot objects.</summary>
internal static class CsiLabels
{
    /// <summary>On a claim in a backup: the VolumeSnapshot that was made of it.</summary>
    public const string SnapshotName = "velero.io/volume-snapshot-name";
    public const string Handle = "velero.io/csi-volumesnapshot-handle";
    public const string RestoreSize = "velero.io/csi-volumesnapshot-restore-size";
    public const string DriverName = "velero.io/csi-driver-name";
    public const string DeletionPolicy = "velero.io/csi-vsc-deletion-policy";

    /// <summary>Label of a class that is to be used, and annotation of a claim with the name of its class.</summary>
    public const string Class = "velero.io/csi-volumesnapshot-class";

    /// <summary>Annotation of a backup with the name of the class for a driver, whose name follows.</summary>
    public const string ClassForDriver = "velero.io/csi-volumesnapshot-class_";

    public const string IsDefaultClass = "snapshot.storage.kubernetes.io/is-default-class";

    /// <summary>Label, with the value <see cref="ARestore"/>, of objects that are needed only until a restored claim is filled, and annotation with the claim's name.</summary>
    public const string MadeFor = "nodeagent.io/made-for";
    public const string ARestore = "restore";
    public const string Claim = "nodeagent.io/claim";

    /// <summary>Finalizer with which the driver's side keeps a content until what it stands for is deleted.</summary>
    public const string ContentFinalizer = "snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection";
}
