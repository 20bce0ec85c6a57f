// The cluster. Only the system pool and one regular node run all the time; what extracts, embeds and
// trains runs on spot nodes, which exist while there is work for them and may be taken away.

type pool = {
  size: string
  minimum: int
  maximum: int
  diskGiB: int
}
type pools = {
  system: pool
  regular: pool
  spot: pool
}

@description('Where everything is.')
param location string

@description('Name of the cluster.')
param name string

@description('Minor version of Kubernetes.')
param kubernetesVersion string

@description('Price tier.')
param tier string

@description('Size and number of the nodes of each pool.')
param nodePools pools

@description('Most nodes with a GPU; none: there is no such pool.')
param gpuMaximum int

@description('Availability zones of the nodes.')
param zones array

@description('Whether disks of nodes are encrypted on the host.')
param encryptionAtHost bool = true

@description('Resource id of the subnet of the nodes.')
param subnetId string

@description('Address ranges (CIDR) from which people reach the API.')
param operatorRanges array

@description('Resource id of the workspace for logs.')
param workspaceId string

@description('Resource id of the identity that runs the cluster.')
param identityId string

@description('Resource id of the identity of the nodes.')
param kubeletIdentityId string

@description('Client id of the identity of the nodes.')
param kubeletClientId string

@description('Object id of the identity of the nodes.')
param kubeletPrincipalId string

@description('Object ids of groups that administer the cluster.')
param administrators array

@description('Hour (UTC) at which upgrades may begin.')
param maintenanceHour int

var rbacClusterAdmin = 'b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b'
var clusterUser = '4abbcc35-e782-43d8-92c5-2d3f1bd2253f'

resource cluster 'Microsoft.ContainerService/managedClusters@2026-08-01' = {
  // checkov:skip=CKV_AZURE_4: what people do is logged (audit, below); what containers print is not collected, as it might name somebody
  // checkov:skip=CKV_AZURE_8: there has been no such add-on since Kubernetes 1.19
  // checkov:skip=CKV_AZURE_172: it is on; checkov looks for true, and the schema wants 'true'
  name: name
  location: location
  sku: {
    name: 'Base'
    tier: tier
  }
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    kubernetesVersion: kubernetesVersion
    dnsPrefix: name
    // Entra decides who somebody is, Azure what they may do; there is no password of the cluster.
    enableRBAC: true
    disableLocalAccounts: true
    aadProfile: {
      managed: true
      enableAzureRBAC: true
      tenantID: subscription().tenantId
    }
    apiServerAccessProfile: {
      authorizedIPRanges: operatorRanges
      disableRunCommand: true
    }
    identityProfile: {
      kubeletidentity: {
        resourceId: kubeletIdentityId
        clientId: kubeletClientId
        objectId: kubeletPrincipalId
      }
    }
    oidcIssuerProfile: {
      enabled: true
    }
    securityProfile: {
      workloadIdentity: {
        enabled: true
      }
      imageCleaner: {
        enabled: true
        intervalHours: 168
      }
    }
    networkProfile: {
      networkPlugin: 'azure'
      networkPluginMode: 'overlay'
      networkDataplane: 'cilium'
      networkPolicy: 'cilium'
      podCidr: '10.244.0.0/16'
      serviceCidr: '10.0.0.0/16'
      dnsServiceIP: '10.0.0.10'
      loadBalancerSku: 'standard'
      outboundType: 'loadBalancer'
    }
    storageProfile: {
      diskCSIDriver: {
        enabled: true
      }
      fileCSIDriver: {
        enabled: true
      }
      snapshotController: {
        enabled: true
      }
    }
    addonProfiles: {
      azureKeyvaultSecretsProvider: {
        enabled: true
        config: {
          enableSecretRotation: 'true'
          rotationPollInterval: '10m'
        }
      }
    }
    // Patches by themselves. A minor version comes when the parameter is raised: with a channel that
    // raised it, the next deployment of this file would ask for the older one again, and fail.
    autoUpgradeProfile: {
      upgradeChannel: 'patch'
      nodeOSUpgradeChannel: 'NodeImage'
    }
    autoScalerProfile: {
      // Pods choose their pool by its label, so that only spot pools compete: the one that fits best.
      expander: 'least-waste'
      'scan-interval': '20s'
      // Soon, since a node without work costs money; not at once, since shards come in waves.
      'scale-down-unneeded-time': '5m'
      'scale-down-delay-after-add': '5m'
      'scale-down-utilization-threshold': '0.5'
      // Where no spot node is to be had, another pool is tried, or the pod waits and says why.
      'max-node-provision-time': '10m'
      'max-graceful-termination-sec': '600'
      // Every pod has a volume on its node for /tmp: they would keep all nodes for ever.
      'skip-nodes-with-local-storage': 'false'
      'skip-nodes-with-system-pods': 'true'
    }
    agentPoolProfiles: [
      {
        name: 'system'
        mode: 'System'
        type: 'VirtualMachineScaleSets'
        vmSize: nodePools.system.size
        enableAutoScaling: true
        count: nodePools.system.minimum
        minCount: nodePools.system.minimum
        maxCount: nodePools.system.maximum
        maxPods: 60
        osType: 'Linux'
        osSKU: 'AzureLinux'
        osDiskType: 'Ephemeral'
        osDiskSizeGB: nodePools.system.diskGiB
        enableEncryptionAtHost: encryptionAtHost
        vnetSubnetID: subnetId
        availabilityZones: zones
        nodeTaints: ['CriticalAddonsOnly=true:NoSchedule']
        upgradeSettings: {
          maxSurge: '1'
        }
      }
    ]
  }
}

// Kubeflow, MLflow, the steps that must not be taken away, and the drivers of all steps: these take no
// tolerations, and so need a pool without a taint.
resource regular 'Microsoft.ContainerService/managedClusters/agentPools@2026-08-01' = {
  parent: cluster
  name: 'regular'
  properties: {
    mode: 'User'
    type: 'VirtualMachineScaleSets'
    vmSize: nodePools.regular.size
    enableAutoScaling: true
    count: nodePools.regular.minimum
    minCount: nodePools.regular.minimum
    maxCount: nodePools.regular.maximum
    maxPods: 60
    osType: 'Linux'
    osSKU: 'AzureLinux'
    osDiskType: 'Ephemeral'
    osDiskSizeGB: nodePools.regular.diskGiB
    enableEncryptionAtHost: encryptionAtHost
    vnetSubnetID: subnetId
    availabilityZones: zones
    nodeLabels: {
      'rollcall.io/pool': 'regular'
    }
    upgradeSettings: {
      maxSurge: '1'
    }
  }
}

resource spot 'Microsoft.ContainerService/managedClusters/agentPools@2026-08-01' = {
  parent: cluster
  name: 'spot'
  properties: {
    mode: 'User'
    type: 'VirtualMachineScaleSets'
    vmSize: nodePools.spot.size
    scaleSetPriority: 'Spot'
    // Deleted, not deallocated: a node that is kept counts against the quota, and its disk costs.
    scaleSetEvictionPolicy: 'Delete'
    // Up to the regular price, so that a node is taken away for want of capacity, never for its price.
    spotMaxPrice: -1
    enableAutoScaling: true
    count: nodePools.spot.minimum
    minCount: nodePools.spot.minimum
    maxCount: nodePools.spot.maximum
    maxPods: 60
    osType: 'Linux'
    osSKU: 'AzureLinux'
    osDiskType: 'Ephemeral'
    osDiskSizeGB: nodePools.spot.diskGiB
    enableEncryptionAtHost: encryptionAtHost
    vnetSubnetID: subnetId
    availabilityZones: zones
    nodeTaints: ['kubernetes.azure.com/scalesetpriority=spot:NoSchedule']
    nodeLabels: {
      'kubernetes.azure.com/scalesetpriority': 'spot'
      'rollcall.io/pool': 'spot'
    }
  }
}

resource gpu 'Microsoft.ContainerService/managedClusters/agentPools@2026-08-01' = if (gpuMaximum > 0) {
  // checkov:skip=CKV_AZURE_168: 60 pods; checkov does not look behind the if
  // checkov:skip=CKV_AZURE_227: it is on; checkov does not look behind the if
  parent: cluster
  name: 'gpuspot'
  properties: {
    mode: 'User'
    type: 'VirtualMachineScaleSets'
    vmSize: 'Standard_NC4as_T4_v3'
    scaleSetPriority: 'Spot'
    scaleSetEvictionPolicy: 'Delete'
    spotMaxPrice: -1
    enableAutoScaling: true
    count: 0
    minCount: 0
    maxCount: gpuMaximum
    maxPods: 60
    osType: 'Linux'
    osSKU: 'AzureLinux'
    osDiskType: 'Ephemeral'
    osDiskSizeGB: 128
    enableEncryptionAtHost: encryptionAtHost
    vnetSubnetID: subnetId
    nodeTaints: [
      'kubernetes.azure.com/scalesetpriority=spot:NoSchedule'
      'nvidia.com/gpu=present:NoSchedule'
    ]
    nodeLabels: {
      'kubernetes.azure.com/scalesetpriority': 'spot'
      'rollcall.io/pool': 'gpu'
    }
  }
}

resource upgrades 'Microsoft.ContainerService/managedClusters/maintenanceConfigurations@2026-08-01' = {
  parent: cluster
  name: 'aksManagedAutoUpgradeSchedule'
  properties: {
    maintenanceWindow: {
      schedule: {
        weekly: {
          intervalWeeks: 1
          dayOfWeek: 'Saturday'
        }
      }
      durationHours: 4
      utcOffset: '+00:00'
      startTime: '${padLeft(maintenanceHour, 2, '0')}:00'
    }
  }
}

resource nodeImages 'Microsoft.ContainerService/managedClusters/maintenanceConfigurations@2026-08-01' = {
  parent: cluster
  name: 'aksManagedNodeOSUpgradeSchedule'
  properties: {
    maintenanceWindow: {
      schedule: {
        weekly: {
          intervalWeeks: 1
          dayOfWeek: 'Sunday'
        }
      }
      durationHours: 4
      utcOffset: '+00:00'
      startTime: '${padLeft(maintenanceHour, 2, '0')}:00'
    }
  }
}

resource mayAdminister 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for group in administrators: {
  scope: cluster
  name: guid(cluster.id, group, rbacClusterAdmin)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', rbacClusterAdmin)
    principalId: group
    principalType: 'Group'
  }
}]

// To fetch the address of the cluster (az aks get-credentials).
resource mayConnect 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for group in administrators: {
  scope: cluster
  name: guid(cluster.id, group, clusterUser)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', clusterUser)
    principalId: group
    principalType: 'Group'
  }
}]

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: cluster
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'kube-audit-admin'
        enabled: true
      }
      {
        category: 'guard'
        enabled: true
      }
      {
        category: 'cluster-autoscaler'
        enabled: true
      }
    ]
  }
}

@description('Name of the cluster.')
output name string = cluster.name

@description('URL of the cluster\'s issuer of tokens.')
output issuer string = cluster.properties.oidcIssuerProfile.issuerURL
