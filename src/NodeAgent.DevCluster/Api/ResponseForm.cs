namespace NodeAgent.DevCluster.Api;

internal enum ResponseForm
{
    Object,
    Table,
    Metadata,
}
